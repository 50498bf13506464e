"""The user's own loop in the user's own process, between ``with watch()`` and the end of the block."""

from __future__ import annotations

import os
import socket
from dataclasses import replace

import msgspec

from sgd_doctor.observe.observer import Observer
from sgd_doctor.recording import Recording
from sgd_doctor.run.crashes import keep_crash
from sgd_doctor.run.forked import backward_survives_fork, enter_fork
from sgd_doctor.run.harness import ForkServerClient
from sgd_doctor.run.loaders import disown_workers
from sgd_doctor.run.reaping import Forked
from sgd_doctor.run.spec import Note, RunSpec
from sgd_doctor.run.watching import Run, finish, leave, stop_watching, watch

KIND = "watch"


class BlockRun(Run):
    """The watched run of the user's process; in a replay, that of a fork of it."""

    def __init__(self, spec: RunSpec, client: BlockReplays) -> None:
        super().__init__(KIND, None, (), spec, -1)
        self.client = client
        self.shielded = True
        self.threads_matter = False  # those of a notebook do not mind, and loader workers are forked beside them
        self.seen: Recording | None = None

    def note(self, note: Note) -> None:
        self.client.take(note)

    def server_started(self, pid: int) -> None:
        self.client.processes.append(Forked(pid))

    def enter_server(self) -> None:
        """Cut the server off from the user's process, and hold back what replays write."""
        try:
            scratch = self.client.folder / "scratch"
            scratch.mkdir()
            enter_fork(scratch, self.client.results)
            self.forked = True
            self.client.let_go()
            disown_workers(lambda: leave(3))
        except BaseException:
            leave(3)  # no replays, and above all not a second run of the user's block

    def tick(self, observer: Observer) -> None:
        """Replays keep snapshots; the user's process writes nothing."""
        if self.replayed:
            super().tick(observer)

    def limit(self, observer: Observer, why: str) -> None:
        """Enough was seen: a replay ends, the user's loop goes on unwatched."""
        if self.replayed:
            super().limit(observer, why)
        self.seen = self.recording(why)
        # Torch may be going through its hooks at this moment; they are removed at the next forward.
        observer.on_next_forward = lambda: stop_watching(self)


class BlockReplays(ForkServerClient):
    """Watches one block, and replays it from its first training step."""

    kind = KIND

    def __init__(self, spec: RunSpec, *, probes: bool) -> None:
        super().__init__()
        self.block = BlockRun(msgspec.structs.replace(spec, output=str(self.results / "observed.npz")), self)
        self.wanted = probes
        self._theirs = -1

    def begin(self) -> None:
        """Start watching."""
        if self.wanted and not backward_survives_fork():
            self.why_not_forked = "torch ran a backward pass in this process, and has threads for CUDA since"
        elif self.wanted:
            self.control, theirs = socket.socketpair()
            self._theirs = theirs.detach()
        watch(self.block, self._theirs)
        assert self.block.observer is not None  # watch() has just set it
        self.block.observer.any_thread = False  # other threads of the user's process are none of the block's

    def take(self, note: Note) -> None:
        """News of the block's run."""
        self._take(note)
        if note.at == "anchor" and not note.fork:
            self.replay = "none"

    def let_go(self) -> None:
        """In a fork: close the user's end of the socket."""
        if self.control is not None:
            self.control.close()

    def end(self, error: BaseException | None) -> Recording:
        """The block is over: stop watching.  Never returns in a replay.

        Args:
            error: what ended the block, if anything did.
        """
        run, observer = self.block, self.block.observer
        assert observer is not None  # begin() has set it
        crashed = error is not None and not isinstance(error, (KeyboardInterrupt, GeneratorExit, SystemExit))
        try:
            if error is not None and crashed:
                keep_crash(run, error)
            if run.replayed:
                finish(run, int(crashed))
        finally:
            if run.replayed:
                os._exit(3)  # whatever went wrong: the user's block must not go on here
        stop_watching(run)
        if not observer.anchored and self._theirs >= 0:
            os.close(self._theirs)  # no server was started with it
        recording = run.seen or run.recording("crashed" if crashed else "finished")
        if run.seen is not None and crashed:
            facts = msgspec.structs.replace(
                recording.facts, crash=run.crash, ended="crashed", sites=observer.sites.sites()
            )
            recording = replace(recording, facts=facts)
        return recording
