"""Differential privacy of a run: what is refused with it, how much noise its stages need, what its record says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from headstart.adapters.catalogue import build_adapter
from headstart.data.tokenisation import TokenizedSplit
from headstart.errors import UsageError, UsageErrors
from headstart.experiments.experiment import Experiment, Run
from headstart.experiments.run_data import RunData
from headstart.models.classifier import Classifier
from headstart.models.own_heads import own_head
from headstart.store.privacy import RunPrivacy, StagePrivacy
from headstart.strategies.head_origins import FittedHead, PreviousHead
from headstart.strategies.strategy import Stage
from headstart.training.config import PrivacyConfig, TrainerOverride
from headstart.training.objective import Objective
from headstart.training.private.accounting import (
    ACCOUNTANT,
    Mechanism,
    plan_mechanisms,
    private_stages,
    require_opacus,
    spent_epsilon,
)
from headstart.training.private.gradients import watched
from headstart.training.trainables import declare


def check_private(
    experiment: Experiment, overrides: Sequence[TrainerOverride], tokens: TokenizedSplit, load: Callable[[], Classifier]
) -> None:
    """Refuse, before anything trains, what cannot be trained privately or would spend more than the budget.

    `overrides` are all that were given, `tokens` those of the training rows; `load` gives the model, freshly loaded.

    Raises:
        UsageErrors: all faults at once.
        UsageError: if opacus is missing, or cannot give the gradients of single examples, or the budget is too small.
    """
    privacy = experiment.training.privacy
    if privacy is None:
        return
    require_opacus()
    faults = list(_faults(experiment, privacy, overrides, tokens))
    if faults:
        raise UsageErrors(faults)
    plan_mechanisms(privacy, experiment.plan, num_rows=len(tokens), batch_size=experiment.training.batch_size)
    for stage in private_stages(privacy, experiment.plan):
        _check_gradients(experiment, stage, load())


def mechanisms_of(data: RunData) -> dict[str, Mechanism]:
    """Return the mechanism of each private stage of a run by the stage's name."""
    experiment = data.run.experiment
    privacy = experiment.training.privacy
    if privacy is None:
        return {}
    return plan_mechanisms(
        privacy, experiment.plan, num_rows=len(data.train), batch_size=experiment.training.batch_size
    )


def stage_privacy(run: Run, stage: Stage, mechanisms: dict[str, Mechanism]) -> StagePrivacy | None:
    """Return the privacy in a stage's record; None for a stage that is not private."""
    privacy = run.experiment.training.privacy
    if privacy is None or stage.name not in mechanisms:
        return None
    so_far = list(mechanisms.values())[: list(mechanisms).index(stage.name) + 1]
    mechanism = mechanisms[stage.name]
    return StagePrivacy(
        noise_multiplier=mechanism.noise_multiplier,
        sample_rate=mechanism.sample_rate,
        max_grad_norm=mechanism.max_grad_norm,
        epsilon=spent_epsilon(so_far, privacy.delta),
        delta=privacy.delta,
    )


def run_privacy(data: RunData) -> RunPrivacy | None:
    """Return the privacy in a run's record; None for a run that is not private."""
    privacy = data.run.experiment.training.privacy
    if privacy is None:
        return None
    mechanisms = mechanisms_of(data)
    return RunPrivacy(
        epsilon=spent_epsilon(list(mechanisms.values()), privacy.delta),
        delta=privacy.delta,
        accountant=ACCOUNTANT,
        covers_all_stages=all(stage.name in mechanisms for stage in data.run.experiment.plan if stage.num_steps),
    )


def _faults(
    experiment: Experiment, privacy: PrivacyConfig, overrides: Sequence[TrainerOverride], tokens: TokenizedSplit
) -> Iterator[UsageError]:
    yield from _budget_faults(experiment, privacy, len(tokens))
    yield from _row_faults(experiment, tokens)
    training = experiment.training
    if tokens.num_sequences is not None:
        yield UsageError(
            "`dp` clips examples of one sequence each, and here they have several (choices, or windows)",
            remedy="  Give `long` as truncate, or leave `dp` out.",
        )
    design = own_head(experiment.head)
    if design is not None and design.reads_apart:
        yield UsageError(
            f"`dp` clips examples of one sequence each, and a head with pair={design.pair} makes two of each pair",
            remedy="  Use pair=joint, or leave `dp` out.",
        )
    if training.precision != "fp32":
        yield UsageError(f"`dp` needs exact norms, not {training.precision}", remedy="  Give `precision` as fp32.")
    private = private_stages(privacy, experiment.plan)
    fields = sorted({each.field for each in overrides if each.stage in (None, *(s.kind for s in private))})
    if fields:
        yield UsageError(
            f"`trainer` {', '.join(fields)} would have no effect: private stages have a training loop of their own",
            remedy="  Leave it out, or name a stage that is not private.",
        )
    for stage in private:
        if stage.until is not None:
            yield UsageError(
                "`stage1_until` looks at answers to the private rows: `dp` cannot account for that",
                remedy="  Leave it out.",
            )
        for spec in filter(None, (stage.regulariser, stage.loss)):
            yield UsageError(f"{spec} has no private version", remedy="  Use another strategy, or leave `dp` out.")


def _budget_faults(experiment: Experiment, privacy: PrivacyConfig, num_rows: int) -> Iterator[UsageError]:
    batch_size = experiment.training.batch_size
    if batch_size > num_rows:
        yield UsageError(
            f"an update of {batch_size} rows cannot be sampled from {num_rows}", remedy="  Give a smaller `batch_size`."
        )
    if privacy.delta >= 1 / num_rows:
        yield UsageError(
            f"delta of `dp` was given as {privacy.delta:g}",
            allowed=f"  It is below one over the number of training rows, {1 / num_rows:.2g}: a delta that large would "
            "allow to publish a whole row.",
        )
    if sum(stage.num_steps > 0 for stage in experiment.plan) > 2:
        yield UsageError(
            f"`dp` splits its budget between two stages, and {experiment.label} trains more",
            remedy="  Use finetune, linear_probe, lp_ft, eh_ft or adapter.",
        )


def _row_faults(experiment: Experiment, tokens: TokenizedSplit) -> Iterator[UsageError]:
    """Yield what would be taken from the private rows without noise, or let one of them count for more than it may."""
    if tokens.weights is not None:
        yield UsageError(
            "weights of rows (`weight`) do not go with `dp`: each row may change an update equally much at most, and "
            "the weights themselves are private",
            remedy="  Leave it out.",
        )
    loss = experiment.training.loss
    if loss.class_weights:
        yield UsageError(
            "`class_weights` does not go with `dp`: a weighted mean ties the rows of a batch together, and balanced "
            "weights are counted on the private rows",
            remedy="  Leave it out.",
        )
    if loss.frequencies:
        yield UsageError(
            f"the loss {loss.spec.name!r} does not go with `dp`: it needs counts of the private rows",
            remedy="  Use cross_entropy or focal.",
        )
    if experiment.evaluation.selection_fraction:
        yield UsageError(f"{experiment.label} chooses on private rows: `dp` cannot account for that")
    if any(stage.head_from == PreviousHead(calibrated=True) for stage in experiment.plan):
        yield UsageError("head_calibration is fitted to the private rows without noise: `dp` cannot account for it")
    if any(isinstance(stage.head_from, FittedHead) for stage in experiment.plan):
        yield UsageError(
            "a head is fitted to the private rows without noise: `dp` cannot account for it",
            remedy="  Train the head: leave fit out of the strategy.",
        )


def _check_gradients(experiment: Experiment, stage: Stage, classifier: Classifier) -> None:
    attached = build_adapter(stage.adapter).attach(classifier, seed=0) if stage.adapter is not None else None
    if attached is not None and attached.hooks is not None:
        raise UsageError(
            f"the adapter {str(stage.adapter)!r} steers itself by gradients of whole batches: `dp` cannot do it",
            remedy="  Use another adapter, such as lora.",
        )
    trainables = declare(stage, classifier, attached)
    objective = Objective(kind=classifier.kind, config=experiment.training.loss)
    with watched(classifier, trainables.model, objective, device=experiment.training.device):
        pass
