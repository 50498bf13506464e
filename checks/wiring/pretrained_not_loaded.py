"""pretrained-not-loaded: load_state_dict(strict=False) that matched nothing."""

from __future__ import annotations

from sgd_doctor.check import Check, NotChecked
from sgd_doctor.findings import Edit, Evidence, Rule, Severity, Suspicion
from sgd_doctor.recording import Recording
from sgd_doctor.structure import LoadedState

MATCHED = 0.1
"""Share of the keys, on both sides, below which nothing was loaded; a new head misses only a few."""


class PretrainedNotLoaded(Check):
    """`load_state_dict(strict=False)` found hardly a key that fits.

    ## What it means
    The names in the checkpoint differ from those of the model (a prefix such as `module.` or `backbone.`, or
    the state is one level deeper), and `strict=False` turns that into silence.

    ## Why it hurts
    The weights are random although they are believed to be pretrained.

    ## How it is proven
    From what `load_state_dict` itself returns: nearly all keys are missing, and nearly all are unexpected.

    ## How to fix it
    Rename the keys, or load the right part: `{k.removeprefix("module."): v for k, v in state.items()}`.
    Look at what `load_state_dict` returns.

    ## Example
    Bad:

        model.load_state_dict(torch.load("model.pt"), strict=False)

    Good:

        state = torch.load("model.pt")
        result = model.load_state_dict({k.removeprefix("module."): v for k, v in state.items()}, strict=False)
        assert not result.unexpected_keys, result

    ## Known limits
    A checkpoint that is loaded by hand, key by key, is not seen.

    ## References
    - <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.load_state_dict>
    """

    name = "pretrained-not-loaded"
    family = "wiring"
    summary = "load_state_dict(strict=False) matched (nearly) no key"

    def suspect(self, recording: Recording) -> Suspicion | None:
        """A call whose keys hardly match, for a model that no later call loaded."""
        structure = recording.facts.structure
        if structure is None:
            raise NotChecked("calls of load_state_dict were not recorded")
        failed = [load for load in structure.loads if missed(load)]
        good = {load.kind for load in structure.loads if not missed(load)}
        failed = [load for load in failed if load.kind not in good]
        if not failed:
            return None
        load = failed[0]
        fit = load.keys - load.missing
        place = recording.site(load.site)
        names = {"missing": load.example_missing, "unexpected": load.example_unexpected}
        return Suspicion(
            check=self.name,
            severity=Severity.WARNING,
            title=f"{load.kind}.load_state_dict(strict=False) loaded {fit} of {load.keys} tensors: "
            f"the names do not match",
            rule=Rule.NOTE,
            location=recording.location(load.site),
            evidence=(
                Evidence(
                    "matching_keys",
                    fit,
                    f"most of {load.keys}",
                    f"the model has {load.example_missing!r}, the checkpoint {load.example_unexpected!r}",
                ),
            ),
            explains=("slow-learning", "plateau", "undertrained"),
            advice=f"rename the checkpoint's keys ({load.example_unexpected!r} to {load.example_missing!r} "
            "and so on), and check what load_state_dict returns",
            edits=(Edit("fit-state", {"line": place.line} | names),)
            if place is not None and all(names.values())
            else (),
        )


def missed(load: LoadedState) -> bool:
    """Whether hardly a tensor was loaded, of those asked for and of those given."""
    if load.strict or not load.keys or not load.given:
        return False
    fit = max(0, load.keys - load.missing)
    return fit <= MATCHED * load.keys and load.given - load.unexpected <= MATCHED * load.given
