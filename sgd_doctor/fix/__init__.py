"""Edits of the user's source that make a proven change permanent.

Every edit reads the source with LibCST and answers with the smallest change of its text that does
what the finding asks for; where that is not certain to be right it answers with nothing.  LibCST is
an optional package: nothing else imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sgd_doctor.errors import MissingExtra
from sgd_doctor.findings import Edit
from sgd_doctor.fix.changes import Change, apply_changes
from sgd_doctor.fix.diff import unified_diff
from sgd_doctor.fix.write import read_source, write_fix

if TYPE_CHECKING:
    from sgd_doctor.fix.source import Source

__all__ = ["EDITS", "EditFunction", "edit_source", "read_source", "unified_diff", "write_fix"]

EditFunction = Callable[["Source", dict[str, Any]], "list[Change] | None"]
"""Answers with the changes; none where the source already says so; ``None`` where it is not safe."""


def _lazy(module: str, function: str) -> EditFunction:
    def edit(source: Source, args: dict[str, Any]) -> list[Change] | None:
        found: EditFunction = getattr(import_module(f"sgd_doctor.fix.{module}"), function)
        return found(source, args)

    edit.__name__ = function
    return edit


EDITS: dict[str, EditFunction] = {
    "set-optimizer-arg": _lazy("optimizer_arg", "set_optimizer_arg"),
    "set-call-arg": _lazy("call_arg", "set_call_arg"),
    "insert-zero-grad": _lazy("zero_grad", "insert_zero_grad"),
    "move-zero-grad": _lazy("zero_grad", "move_zero_grad"),
    "insert-backward": _lazy("backward", "insert_backward"),
    "insert-step": _lazy("backward", "insert_step"),
    "drop-activation": _lazy("activation", "drop_activation"),
    "reshape-target": _lazy("target", "reshape_target"),
    "standardise-inputs": _lazy("inputs", "standardise_inputs"),
    "move-step-inside": _lazy("hoist", "move_step_inside"),
    "hoist-out-of-loops": _lazy("hoist", "hoist_out_of_loops"),
    "divide-loss": _lazy("hoist", "divide_loss"),
    "drop-cut": _lazy("hoist", "drop_cut"),
    "drop-minus": _lazy("hoist", "drop_minus"),
    "swap-function": _lazy("swap", "swap_function"),
    "one-sigmoid": _lazy("swap", "one_sigmoid"),
    "set-mode": _lazy("mode", "set_mode"),
    "move-scheduler": _lazy("scheduler", "move_scheduler"),
    "dedent-scheduler": _lazy("scheduler", "dedent_scheduler"),
    "remove-statement": _lazy("order", "remove_statement"),
    "move-optimizer-after": _lazy("order", "move_optimizer_after"),
    "move-clip-before-step": _lazy("order", "move_clip_before_step"),
    "wrap-modulelist": _lazy("modulelist", "wrap_modulelist"),
    "change-operand": _lazy("operands", "change_operand"),
    "detach-state": _lazy("state", "detach_state"),
    "reset-init": _lazy("initial", "reset_init"),
    "drop-call-arg": _lazy("drop_arg", "drop_call_arg"),
    "use-output": _lazy("loss_variable", "use_output"),
    "unfreeze": _lazy("freeze", "unfreeze"),
    "set-loader-arg": _lazy("loader_arg", "set_loader_arg"),
    "borrow-collate": _lazy("loader_arg", "borrow_collate"),
    "insert-clip": _lazy("clip", "insert_clip"),
    "drop-no-grad": _lazy("cuts", "drop_no_grad"),
    "fit-state": _lazy("checkpoint", "fit_state"),
    "mirror-scaling": _lazy("preprocess", "mirror_scaling"),
    "insert-relu": _lazy("nonlinear", "insert_relu"),
    "swap-activation": _lazy("nonlinear", "swap_activation"),
    "move-axes": _lazy("reshape", "move_axes"),
    "more-epochs": _lazy("epochs", "more_epochs"),
    "set-in-features": _lazy("layer_size", "set_in_features"),
    "widen-embedding": _lazy("layer_size", "widen_embedding"),
    "out-of-place": _lazy("out_of_place", "out_of_place"),
    "drop-repeated": _lazy("repeated", "drop_repeated"),
    "layer-into-init": _lazy("hoist_layer", "layer_into_init"),
    "standardise-targets": _lazy("scale_targets", "standardise_targets"),
    "drop-nonfinite-rows": _lazy("nan_data", "drop_nonfinite_rows"),
    "mask-targets": _lazy("nan_data", "mask_targets"),
    "mend-comparison": _lazy("comparison", "mend_comparison"),
    "negate-loss": _lazy("hoist", "negate_loss"),
    "follow-mode": _lazy("call_arg", "follow_mode"),
    "invert-weights": _lazy("call_arg", "invert_weights"),
    "cast-data": _lazy("cast", "cast_data"),
}


def import_editing() -> None:
    """Import what :func:`edit_source` needs: takes a while, and can be done while something else is waited for."""
    with suppress(ImportError):
        import_module("sgd_doctor.fix.source")


def edit_source(source: str, edits: Sequence[Edit]) -> str | None:
    """``source`` with all ``edits`` made, all line numbers being those of ``source``.

    ``None`` where one of them is not safe, and where ``source`` already contains them all.
    Raises :class:`~sgd_doctor.errors.MissingExtra` where LibCST is not installed.
    """
    try:
        import_module("libcst")
    except ImportError as error:
        raise MissingExtra("libcst", "fix", "writing a source diff") from error
    mark, text = ("\ufeff", source[1:]) if source.startswith("\ufeff") else ("", source)
    changes = _changes(text, edits)
    if not changes:
        return None
    edited = apply_changes(text, changes)
    if edited is None or edited == text or not _compiles(edited):
        return None
    return mark + edited


def _changes(text: str, edits: Sequence[Edit]) -> list[Change] | None:
    from libcst import CSTLogicError, ParserSyntaxError

    from sgd_doctor.fix.source import Source

    try:
        tree = Source(text)
    except (ParserSyntaxError, CSTLogicError, RecursionError):
        return None
    if tree.module.code != text:
        # Offsets would be wrong: LibCST drops, for example, a form feed at the start of a line.
        return None
    changes: list[Change] = []
    for edit in edits:
        function = EDITS.get(edit.kind)
        made = function(tree, edit.args) if function is not None else None
        if made is None:
            return None
        changes += made
    return changes


def _compiles(text: str) -> bool:
    try:
        compile(text, "<edited>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True
