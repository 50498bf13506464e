"""rnn-batch-first: the batch is read as time."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Intervention, Rule, Severity, Suspicion, Treatment
from sgd_doctor.recording import Recording
from sgd_doctor.signals import Recurrent


class RnnBatchFirst(Check):
    """A recurrent layer reads the samples of a batch as time steps.

    ## What it means
    `nn.LSTM`, `nn.GRU` and `nn.RNN` expect (time, batch, features) unless they are built with `batch_first=True`.
    Given (batch, time, features) they step from sample to sample and treat every time step as a sequence of its own.

    ## Why it hurts
    Nothing crashes, but the state never sees the time steps of a sample together, and every sample depends on those
    before it in the batch.

    ## How it is proven
    The first dimension of the layer's input is the number of targets in the batch, each sample has one target, and
    the layer was built without `batch_first`. The same loop is rerun with `batch_first=True`; where that is no better
    it is advice.

    ## How to fix it
    Build the layer with `batch_first=True`, or pass `x.transpose(0, 1)`.

    ## Example
    Bad:

        self.rnn = nn.LSTM(8, 32)                     # x: (batch, time, 8)

    Good:

        self.rnn = nn.LSTM(8, 32, batch_first=True)

    ## Known limits
    In a model with a target for each time step both layouts are possible: such a layer is named only where reading
    the first dimension as the batch trains better.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html>
    """

    name = "rnn-batch-first"
    family = "model"
    summary = "a recurrent layer without batch_first gets the batch as its first dimension"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """The shape that reaches the layer against the number of targets."""
        signals = recording.facts.signals
        if not signals.recurrent:
            raise NotChecked("the model has no recurrent layer")
        batches, shape = signals.targets.batches, signals.targets.shape
        if not batches or not shape:
            return None
        each_step = len(shape) > 1 and shape[1] > 1
        for layer in signals.recurrent:
            if layer.batch_first or len(layer.shape) != 3:
                continue
            if layer.shape[0] != batches[0].samples or layer.shape[1] < 2 or layer.shape[0] == layer.shape[1]:
                continue
            if each_step and layer.shape[1] != shape[1]:
                continue
            return self._suspicion(recording, layer, each_step)
        return None

    def _suspicion(self, recording: Recording, layer: Recurrent, each_step: bool) -> Suspicion:
        name, kind, shape, built = layer.name, layer.kind, layer.shape, layer.built
        place = recording.site(built)
        args = {"function": kind, "arg": "batch_first", "value": True}
        return Suspicion(
            check=self.name,
            severity=Severity.ERROR,
            title=f"{kind} {name} reads the batch as time: its input {shape} has the {shape[0]} samples first, "
            "and batch_first is False",
            rule=Rule.FACT,
            location=recording.location(built),
            evidence=(
                Evidence(
                    "input_shape",
                    str(shape),
                    f"({shape[1]}, {shape[0]}, {shape[2]})",
                    f"the first dimension of the input is the number of targets ({shape[0]})",
                ),
            ),
            treatments=(Treatment((Intervention("batch-first", "batch_first=True", {"layers": [name]}),)),),
            explains=("no-learning", "plateau", "lr-too-low", "lr-too-high", "slow-learning", "labels-misaligned"),
            advice=f"build the {kind} with batch_first=True",
            edits=(Edit("set-call-arg", args | {"line": place.line}),) if place is not None else (),
            metric="task_loss",
            needs_harm=True,
            only_proven=each_step,
        )
