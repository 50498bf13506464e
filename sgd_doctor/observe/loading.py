"""What ``load_state_dict`` really loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from sgd_doctor.observe.observer import Observer
from sgd_doctor.observe.patches import Patches
from sgd_doctor.observe.structure import MAX_LOADS
from sgd_doctor.structure import LoadedState


def watch_loading(o: Observer, patches: Patches) -> None:
    """Replace ``Module.load_state_dict`` by one that notes the keys that did not fit."""

    def load(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: nn.Module, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
            recorder = o.structure
            if not recorder.loading and not o.finished and o.here():
                o.signals.state_loaded(self, state_dict)
            recorder.loading += 1
            try:
                result = original(self, state_dict, *args, **kwargs)
            finally:
                recorder.loading -= 1
            if not recorder.loading and not o.finished and o.here() and len(recorder.loads) < MAX_LOADS:
                strict = bool(kwargs.get("strict", args[0] if args else True))
                _note(o, self, state_dict, strict, result)
            return result

        return wrapper

    def take(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
            result = original(self, *args, **kwargs)
            if not args and kwargs.get("destination") is None and o.anchored and not o.finished and o.here():
                o.signals.state_taken(self, result, o.sites.here())
            return result

        return wrapper

    patches.replace(nn.Module, "load_state_dict", load)
    patches.replace(nn.Module, "state_dict", take)


def _note(o: Observer, module: nn.Module, state: Any, strict: bool, result: Any) -> None:
    missing, unexpected = getattr(result, "missing_keys", None), getattr(result, "unexpected_keys", None)
    if missing is None or unexpected is None or not isinstance(state, Mapping):
        return
    keys = sum(1 for _ in module.named_parameters()) + sum(1 for _ in module.named_buffers())
    o.structure.loads.append(
        LoadedState(
            kind=type(module).__name__,
            site=o.sites.here(),
            strict=strict,
            keys=keys,
            given=len(state),
            missing=len(missing),
            unexpected=len(unexpected),
            example_missing=str(missing[0]) if missing else "",
            example_unexpected=str(unexpected[0]) if unexpected else "",
            step=o.steps.count,
        )
    )
