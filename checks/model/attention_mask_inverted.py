"""attention-mask-inverted: attention leaves out the tokens and sees the padding."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording

LEADING = 0.9
"""Share of the padded rows whose first position is left out while the last one is seen: padding stands at the end in
most data, and of data that are padded in front the proof takes care."""
LEAST_ROWS = 8


class AttentionMaskInverted(Check):
    """The padding mask of an attention layer has the wrong sense.

    ## What it means
    In `src_key_padding_mask` and `key_padding_mask` of torch, `True` means *leave this position out*. Masks of
    tokenizers and many libraries mean the opposite: 1 for what is to be seen.

    ## Why it hurts
    Every position attends to the padding alone, which says nothing. Only what passes beside the attention is learned.

    ## How it is proven
    In the masks, the first positions are left out and the last ones are seen. The same loop is rerun with the mask
    inverted; it is named only where that learns clearly more.

    ## How to fix it
    Pass `tokens == PAD`, or `~mask` where `mask` is true for tokens.

    ## Example
    Bad:

        h = self.encoder(h, src_key_padding_mask=tokens != PAD)

    Good:

        h = self.encoder(h, src_key_padding_mask=tokens == PAD)

    ## Known limits
    Seen where masks reach `nn.MultiheadAttention` (and what is built of it). Rows without any padding, which such a
    mask hides altogether, give NaN in training, which is named as such.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html>
    """

    name = "attention-mask-inverted"
    family = "model"
    summary = "the padding mask of an attention layer leaves out the tokens and shows the padding"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """Masks that leave out the beginning of nearly every padded row."""
        padding = recording.facts.signals.padding
        if padding is None:
            raise NotChecked("no padding mask reached an attention layer")
        if padding.rows < LEAST_ROWS or not padding.leading >= LEADING * padding.rows:
            return None
        invert = Intervention("invert-padding-mask", "the padding mask inverted")
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title="the padding mask is inverted: attention leaves out the tokens and sees the padding",
            rule=Rule.FACT,
            location=recording.location(padding.site),
            evidence=(
                Evidence(
                    "first_position_left_out",
                    round(padding.leading / padding.rows, 3),
                    f"< {LEADING}",
                    f"of {padding.rows} padded rows {padding.leading} leave out the first position and see the last",
                ),
            ),
            treatments=(Treatment((invert,)),),
            explains=("no-learning", "plateau", "slow-learning", "undertrained", "vanishing-gradient", "lr-too-low"),
            advice="True in key_padding_mask means: leave out; pass tokens == PAD, or ~mask",
            needs_harm=True,
            only_proven=True,
        )
