"""Where this process cannot be forked: parts are trained in it and put back exactly, again and again."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec

from sgd_doctor.errors import UsageError
from sgd_doctor.observe.observer import Observer
from sgd_doctor.recording import Recording
from sgd_doctor.run.crashes import keep_crash
from sgd_doctor.run.forked import Call
from sgd_doctor.run.parts import Loop, Parts
from sgd_doctor.run.replays import ProbeRequest, Replays
from sgd_doctor.run.script import own_frames_removed
from sgd_doctor.run.spec import BROKEN_STEPS, RunSpec
from sgd_doctor.run.state import Snapshot
from sgd_doctor.run.watching import Run, seed_everything, stop_watching, watch


class _Enough(BaseException):
    """Ends the user's function once enough was seen; no ``except Exception`` of the user's holds it."""


class _LocalRun(Run):
    """A run of the user's process itself: nothing is saved, and its end is not the end of the process."""

    ended = "finished"

    def tick(self, observer: Observer) -> None:
        """Nobody could take over from this process, so nothing is kept for that."""

    def limit(self, observer: Observer, why: str) -> None:
        """The one who runs the loop asks whether it is over."""
        self.ended = why


class _EndingRun(_LocalRun):
    def limit(self, observer: Observer, why: str) -> None:
        """The user's function does not ask."""
        self.ended = why
        raise _Enough


class PartsHere(Replays):
    """Trains parts in this process, from the same state each time, and puts them back."""

    editable = False

    def __init__(self, parts: Parts, *, run: RunSpec, why: str, seed: int | None = None) -> None:
        if any(hasattr(type(loader), "__next__") for loader in parts.loaders):
            raise UsageError(f"the loader can be read only once, and this process cannot be forked ({why})")
        self.parts, self.run, self.seed = parts, run, seed
        self.why_not_forked = why
        self.snapshot = Snapshot(parts.modules, [parts.optimizer], parts.loaders)

    def observe(self) -> Recording:
        """Train the parts until their recording is there; they are afterwards as they were."""
        recording = self._train(self.run)
        self.replay = "snapshot"
        return recording

    def probe(self, requests: Sequence[ProbeRequest], *, deadline: float) -> list[Recording | None]:
        """Make the replays, one after the other."""
        found: list[Recording | None] = []
        for request in requests:
            seconds = deadline - time.monotonic()
            spec = msgspec.structs.replace(
                self.run,
                max_steps=request.steps,
                min_steps=1,
                soft_seconds=seconds,
                interventions=request.interventions,
                measure_task=request.measure_task,
                overhead=0.0,
                broken_steps=BROKEN_STEPS,
                rival=request.rival,
            )
            found.append(self._train(spec) if seconds > 0 else None)
        return found

    def _train(self, spec: RunSpec) -> Recording:
        run = _LocalRun("parts", None, (), spec, -1)
        watch(run, -1)
        observer = run.observer
        assert observer is not None  # watch() has just set it
        try:
            if self.seed is not None:
                seed_everything(self.seed)
            Loop(self.parts, lambda: observer.finished).run()
        except UsageError:
            raise
        except KeyboardInterrupt:
            self.interrupted = True
        except Exception as error:
            error.__traceback__ = own_frames_removed(error.__traceback__)
            keep_crash(run, error)
        finally:
            stop_watching(run)
            self.snapshot.restore()
        return run.recording("crashed" if run.crash is not None else run.ended)


class CallHere(Replays):
    """Runs a call once in this process; what it does to the user's objects stays done."""

    def __init__(self, call: Call, *, run: RunSpec, why: str, seed: int | None = None) -> None:
        self.call, self.run, self.seed = call, run, seed
        self.why_not_forked = why

    def observe(self) -> Recording:
        """Run the call until enough was seen; the global random numbers are afterwards as they were."""
        run = _EndingRun(self.call.kind, self.call.name, (), self.run, -1)
        randomness = Snapshot((), ())
        watch(run, -1)
        observer = run.observer
        assert observer is not None  # watch() has just set it
        try:
            if self.seed is not None:
                seed_everything(self.seed)
            self.call.body()
        except _Enough:
            pass
        except KeyboardInterrupt:
            self.interrupted = True
        except (Exception, SystemExit) as error:
            error.__traceback__ = own_frames_removed(error.__traceback__)
            keep_crash(run, error)
        finally:
            stop_watching(run)
            randomness.restore()
        return run.recording("crashed" if run.crash is not None else run.ended)

    def probe(self, requests: Sequence[ProbeRequest], *, deadline: float) -> list[Recording | None]:
        """No replay: the call would be carried out for real again."""
        return [None] * len(requests)
