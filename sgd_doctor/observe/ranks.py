"""What the processes of a distributed run tell each other about themselves (values: :mod:`sgd_doctor.ranks`).

They talk through the key-value store with which ``torch.distributed`` was started, so that no collective
of ours can come between the user's own.
"""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, RandomSampler

from sgd_doctor.observe.guard import Part, guarded, power_of_two
from sgd_doctor.observe.steps import COLUMNS
from sgd_doctor.observe.tensors import sample_view, tensors_in
from sgd_doctor.observe.wrappers import is_sharded, unwrapped
from sgd_doctor.ranks import Distributed, RankCrash, RankFacts, RankLoader
from sgd_doctor.recording import Crash

if TYPE_CHECKING:
    from sgd_doctor.observe.observer import Observer

PREFIX = "sgd-doctor/"
STOP = PREFIX + "stop"
LAST_WORDS_SECONDS = 5.0
"""How long the first process waits for the others' last words."""
NEWS_SECONDS = 1.0
ALL_WEIGHTS = 32
"""Steps after each of which weights are compared; later at powers of two."""
MAX_LOADERS = 8
MAX_PASSES = 16
MAX_ROWS = 1024
MAX_ROW_ELEMENTS = 4096
MAX_LOSSES = 1000
RUNNING = ("", "killed")
"""How a recording says that it is a snapshot."""


@dataclass
class _Loader:
    site: int
    sampler: object
    length: int | None
    samples: int | None
    epochs: list[int] = field(default_factory=list)
    passes: int = 0
    drawn: int = 0
    counted: int | None = None
    rows: list[float] = field(default_factory=list)

    def freeze(self) -> RankLoader:
        sampler = self.sampler
        return RankLoader(
            site=self.site,
            sampler=type(sampler).__name__,
            distributed=isinstance(sampler, DistributedSampler) or hasattr(sampler, "num_replicas"),
            shuffles=bool(getattr(sampler, "shuffle", isinstance(sampler, RandomSampler))),
            batches=self.counted if self.counted is not None else self.length,
            samples=self.samples,
            epochs=tuple(self.epochs),
            rows=tuple(self.rows),
        )


class RankRecorder(Part):
    """Looks at what has to agree between processes, and exchanges it.  Does nothing in a run of one process."""

    def __init__(self, observer: Observer) -> None:
        super().__init__(observer)
        self.rank, self.world, self.backend = 0, 1, ""
        self.store: Any = None
        self.loaders: dict[int, _Loader] = {}
        self.weights: list[tuple[int, float]] = []
        self.wrappers: list[weakref.ref[nn.Module]] = []
        self.wrapper, self.wrapper_site, self.forward_site = "", -1, -1
        self.bypassed = self.joined = False
        self.stop_at = -1
        self._told = 0.0

    def join(self) -> bool:
        """Whether several processes train together; finds their store on the first call after they met.

        Asked where a model is called or a loader is gone through: nothing else of a step needs to ask again.
        """
        if self.world == 1 and dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            self.rank, self.world, self.backend = dist.get_rank(), dist.get_world_size(), str(dist.get_backend())
            self.store = dist.distributed_c10d._get_default_store()
        return self.world > 1

    # -- what is looked at

    def built(self, module: nn.Module, site: int) -> None:
        """A module's constructor runs."""
        if isinstance(module, DistributedDataParallel):
            self.wrappers.append(weakref.ref(module))
            self.wrapper, self.wrapper_site = type(module).__name__, site

    @guarded
    def root_begins(self, module: nn.Module, site: int) -> None:
        """A whole model is called for training, by one process of several."""
        if self.forward_site < 0:
            self.forward_site = site
            if not self.wrapper and any(is_sharded(p) for p in module.parameters()):
                self.wrapper = "FSDP"
        wrappers = [w for reference in self.wrappers if (w := reference()) is not None]
        if any(unwrapped(w) is module for w in wrappers):
            self.bypassed, self.forward_site = True, site
        for wrapper in wrappers:
            self.joined |= bool(getattr(getattr(wrapper, "_join_config", None), "enable", False))

    @guarded
    def pass_begins(self, loader: DataLoader[Any]) -> None:
        """A loader is gone through from its beginning."""
        if not self.join() or not torch.is_grad_enabled():
            return
        batches: Any = getattr(loader, "_index_sampler", loader)
        found = self.loaders.get(id(batches))
        if found is None:
            if len(self.loaders) >= MAX_LOADERS:
                return
            site = self.observer.signals.loader_sites.get(id(batches), -1)
            sampler = getattr(batches, "sampler", batches)
            found = _Loader(site, sampler, _length(loader), _length(getattr(loader, "dataset", None)))
            self.loaders[id(batches)] = found
        found.passes, found.drawn = found.passes + 1, 0
        epoch = getattr(found.sampler, "epoch", None)
        if isinstance(epoch, int) and len(found.epochs) < MAX_PASSES:
            found.epochs.append(epoch)
        self.tell()

    @guarded
    def drawn(self, iterator: Any, batch: Any) -> None:
        """A batch came out of a loader; None where the pass is over."""
        found = self.loaders.get(id(iterator._index_sampler))
        if found is None or not torch.is_grad_enabled():
            return
        if batch is None:
            found.counted = found.drawn
            self.tell()
            return
        found.drawn += 1
        if found.passes == 1 and len(found.rows) < MAX_ROWS:
            found.rows += row_keys(tensors_in(batch))[: MAX_ROWS - len(found.rows)]

    @guarded
    def step_begins(self) -> None:
        """An optimizer is about to step: what the loop did to the weights after the last one is done."""
        count = self.observer.steps.count
        if not count:
            return
        if count <= ALL_WEIGHTS or power_of_two(count):
            value = weights_key(p for root in self.observer.roots.values() for p in unwrapped(root).parameters())
            if value is not None:
                self.weights.append((count, value))
        if time.monotonic() - self._told > NEWS_SECONDS:
            self.tell()

    def agree(self, steps: int, why: str) -> str:
        """Why the run ends after this step, empty if it goes on: all processes have to end after the same one.

        The first process sets the step.  It names the next one: no other process can have got past that, because
        their gradients need its own.
        """
        if why == "step-limit":
            return why
        if self.rank == 0 and why and self.stop_at < 0:
            self.stop_at = steps + 1
            self.store.set(STOP, str(self.stop_at))
        elif self.rank and self.stop_at < 0 and self.store.check([STOP]):
            self.stop_at = int(self.store.get(STOP))
        return "time-limit" if 0 <= self.stop_at <= steps else ""

    # -- what they tell each other

    def facts(self, ended: str, crash: RankCrash | None) -> RankFacts:
        losses = self.observer.steps.rows.columns(COLUMNS.index("loss"))[0][:MAX_LOSSES]
        return RankFacts(
            rank=self.rank,
            steps=self.observer.steps.count,
            ended=ended,
            losses=tuple(v if math.isfinite(v) else None for v in losses) if ended else (),
            weights=tuple(self.weights),
            loaders=tuple(loader.freeze() for loader in self.loaders.values()),
            crash=crash,
        )

    def tell(self, ended: str = "", crash: RankCrash | None = None) -> None:
        """Leave word of this process for the first one."""
        self._told = time.monotonic()
        if self.rank:
            self.store.set(f"{PREFIX}{self.rank}", msgspec.json.encode(self.facts(ended, crash)))

    def gather(self, *, wait: bool) -> list[RankFacts]:
        """What the other processes said last; with ``wait``, their last words where they come in time."""
        found: dict[int, RankFacts] = {}
        deadline = time.monotonic() + (LAST_WORDS_SECONDS if wait else 0.0)
        while True:
            for other in range(1, self.world):
                key = f"{PREFIX}{other}"
                if (other not in found or not found[other].ended) and self.store.check([key]):
                    found[other] = msgspec.json.decode(self.store.get(key), type=RankFacts)
            if sum(bool(f.ended) for f in found.values()) == self.world - 1 or time.monotonic() >= deadline:
                return [found[other] for other in sorted(found)]
            time.sleep(0.05)

    def freeze(self, ended: str, crash: Crash | None) -> Distributed | None:
        """Everything known of all processes (in the first of them), or of this one."""
        if not self.join():
            return None
        final = ended not in RUNNING
        own = self._own_crash(crash)
        if own is not None and self.stop_at >= 0:
            own, ended = None, "time-limit"  # the others have ended as agreed, and this one missed them
        others: list[RankFacts] = []
        try:
            if self.rank:
                self.tell(ended if final else "", own)
            else:
                others = self.gather(wait=final)
        except Exception as error:  # the store may have gone with the process that held it
            self.observer.fail(f"the other processes could not be heard: {type(error).__name__}")
        return Distributed(
            world_size=self.world,
            backend=self.backend,
            wrapper=self.wrapper,
            wrapper_site=self.wrapper_site,
            bypassed=self.bypassed,
            joined=self.joined,
            forward_site=self.forward_site,
            ranks=(self.facts(ended, own), *others),
        )

    def _own_crash(self, crash: Crash | None) -> RankCrash | None:
        if crash is None:
            return None
        places = self.observer.sites.sites()
        place = places[crash.site] if 0 <= crash.site < len(places) else None
        where = (place.path, place.line, place.code) if place is not None else ("", 0, "")
        return RankCrash(crash.kind, crash.message, *where, time.time())


def row_keys(tensors: Iterable[Tensor]) -> list[float]:
    """One number for each sample of a batch, from its first tensors; equal for equal samples."""
    keys: Tensor | None = None
    with torch.no_grad():
        for number, tensor in enumerate(tensors):
            if number >= 2 or tensor.dim() == 0 or (keys is not None and len(tensor) != len(keys)):
                break
            values = tensor.detach().reshape(len(tensor), -1)[:, :MAX_ROW_ELEMENTS].cpu().double()
            weights = torch.cos(torch.arange(1, values.shape[1] + 1, dtype=torch.float64) * (number + 1))
            part = (values * weights).sum(1)
            keys = part if keys is None else keys + part
    found = keys.tolist() if keys is not None else []
    return [float(f"{v:.9g}") for v in found if math.isfinite(v)]


def weights_key(parameters: Iterable[Tensor]) -> float | None:
    """One number that stands for all weights; None where a process holds only a part of them."""
    total = 0.0
    with torch.no_grad():
        for number, parameter in enumerate(parameters):
            if is_sharded(parameter):
                return None
            values = sample_view(parameter).reshape(-1).cpu().double()
            weights = torch.cos(torch.arange(len(values), dtype=torch.float64) + number)
            total += float((values * weights).sum())
    return total if math.isfinite(total) else None


def _length(thing: Any) -> int | None:
    try:
        return len(thing)
    except Exception:  # an iterable of unknown length, or a __len__ of the user's that fails
        return None
