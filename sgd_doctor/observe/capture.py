"""CUDA graphs: while one is captured nothing may be read from the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from sgd_doctor.observe.observer import Observer
from sgd_doctor.observe.patches import Patches


def leave_captures_alone(o: Observer, patches: Patches) -> None:
    """Watch nothing of what happens while a graph is captured."""
    before: list[bool] = []

    def enter(original: Callable[..., None]) -> Callable[..., None]:
        def __enter__(self: Any) -> None:
            before.append(o.away)
            o.away = True
            original(self)

        return __enter__

    def leave(original: Callable[..., None]) -> Callable[..., None]:
        def __exit__(self: Any, *args: Any) -> None:
            try:
                original(self, *args)
            finally:
                o.away = before.pop()

        return __exit__

    patches.replace(torch.cuda.graph, "__enter__", enter)
    patches.replace(torch.cuda.graph, "__exit__", leave)
