"""From what a user chose to an experiment, resolved to the last number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from headstart.adapters.adapter import Adapter
from headstart.adapters.catalogue import build_adapter
from headstart.data.batching import PADDING_MULTIPLE
from headstart.data.examples import Split, class_counts
from headstart.data.tokenisation import Truncation
from headstart.errors import UsageError, unknown_name
from headstart.experiments.choices import STAGE_NAMES, Choices
from headstart.experiments.class_weights import resolve_class_weights
from headstart.experiments.experiment import Evaluation, Experiment, OtherRows, Run, TaskSource
from headstart.experiments.plan_checks import check_plan_fits
from headstart.experiments.private_runs import check_private
from headstart.experiments.quantised_stages import with_quantised_backbone
from headstart.experiments.recipes import (
    Preset,
    get_preset,
    head_for,
    max_length_for,
    rates_for,
    resolve_num_steps,
    stage_optimizers,
)
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.experiments.saved_adapters import saved_adapter_digest
from headstart.losses import LossConfig
from headstart.models.attention import resolve_attention
from headstart.models.loading import longest_input
from headstart.models.parameters import count
from headstart.registry import Spec
from headstart.store.record import NOTHING_CHOSEN
from headstart.strategies.catalogue import build_strategy
from headstart.strategies.strategy import Budget, Stage, Strategy
from headstart.tasks.task import Task
from headstart.training.arguments import CHECKPOINTING, parse_overrides, split_neutral
from headstart.training.config import (
    RunOptions,
    TrainerOverride,
    TrainingConfig,
    resolve_device,
    resolve_precision,
)
from headstart.training.objective import resolve_loss
from headstart.training.trackers import check_trackers

DEFAULT_STAGE1_FRACTION = 0.1


def build_experiment(
    choices: Choices,
    strategy: Spec,
    adapter: Spec | None,
    source: TaskSource,
    cache: RunDataCache,
    evaluation: Evaluation | None = None,
) -> Experiment:
    """Return one experiment, resolved to the last number.

    Raises:
        UsageError: for anything that cannot work, before training: names, numbers, an adapter that the model cannot
            carry.
    """
    preset = get_preset(choices.preset)
    data = cache.rows.of(source)
    task = data.task
    kind = build_strategy(strategy)
    evaluation = _with_selection(evaluation or default_evaluation(source, cache), kind)
    training_rows = cache.rows.parts(source, evaluation).train
    draft = Experiment(
        task=task.name,
        task_fingerprint=data.fingerprint,
        model=choices.model,
        model_revision=cache.model(choices.model).revision,
        head=choices.head or head_for(preset, task),
        keep_head=choices.keep_head,
        strategy=strategy,
        adapter=adapter,
        plan=(),
        training=replace(_training(choices, task, cache), loss=_loss(choices, task, training_rows)),
        evaluation=evaluation,
    )
    classifier = RunData.of(Run(draft, 0, source), cache).load_classifier()
    optimizers = stage_optimizers(
        preset,
        rates_for(preset, task.name, count(classifier.backbone_tensors())),
        adapter,
        learning_rate=choices.learning_rate,
        stage1_learning_rate=choices.stage1_learning_rate,
    )
    num_steps = resolve_num_steps(
        preset,
        task.name,
        len(training_rows),
        draft.training.batch_size,
        epochs=choices.epochs,
        steps=choices.steps,
        budget_factor=choices.budget_factor,
    )
    if adapter is not None:
        _check_adapter_fits(build_adapter(adapter), draft.training, choices, cache)
    plan = kind.plan(_budget(choices, kind, num_steps), optimizers, adapter)
    changing, neutral = trainer_overrides(choices, plan)
    check_plan_fits(plan, classifier, repr(choices.model), _checkpointed(changing))
    if adapter is not None and choices.adapter_from is not None:
        if all(stage.adapter is None for stage in plan):
            raise UsageError("`adapter_from` would have no effect: no stage here trains an adapter")
        digest = saved_adapter_digest(adapter, choices.adapter_from, classifier)
        plan = tuple(
            replace(stage, trainable=replace(tuned, saved=digest)) if (tuned := stage.trainable.tuned) else stage
            for stage in plan
        )
    if adapter is not None and choices.quantise_stage1 is not None:
        plan = with_quantised_backbone(plan, adapter, choices.quantise_stage1, draft.training.device)
    experiment = replace(draft, plan=plan, training=replace(draft.training, overrides=changing))
    if choices.privacy is not None:
        check_private(
            experiment,
            (*changing, *neutral),
            RunData.of(Run(experiment, 0, source), cache).tokens("train"),
            RunData.of(Run(experiment, 0, source), cache).load_classifier,
        )
    return experiment


def default_evaluation(source: TaskSource, cache: RunDataCache) -> Evaluation:
    """Return the evaluation on the task's own split, and on the other rows that the source names."""
    others = tuple(
        OtherRows(name=other.name, fingerprint=cache.rows.other(source, other).fingerprint)
        for other in source.evaluate_on
    )
    split = cache.rows.of(source).task.evaluation_split
    return Evaluation(split=split, folds=source.options.folds, others=others)


def trainer_overrides(
    choices: Choices, plan: Sequence[Stage]
) -> tuple[tuple[TrainerOverride, ...], tuple[TrainerOverride, ...]]:
    """Return the user's `TrainingArguments` for this plan: those that can change results, and those that cannot."""
    overrides = parse_overrides(choices.trainer, STAGE_NAMES)
    present = {stage.kind for stage in plan}
    return split_neutral([override for override in overrides if override.stage is None or override.stage in present])


def run_options(choices: Choices, plan: Sequence[Stage], *, keep_backbone: bool) -> RunOptions:
    """Return what may differ between two calls without a different result."""
    _, neutral = trainer_overrides(choices, plan)
    check_trackers(choices.trackers)
    _refuse_recording_of_private_stages(choices)
    return RunOptions(
        keep_backbone=keep_backbone,
        overrides=neutral,
        adapter_from=choices.adapter_from,
        diagnostics=choices.diagnostics,
        trackers=choices.trackers,
    )


def _refuse_recording_of_private_stages(choices: Choices) -> None:
    """Private runs measure nothing beside the scores, and private stages pass nothing on."""
    if choices.privacy is None:
        return
    if not choices.diagnostics:
        raise UsageError("--no-diagnostics would have no effect: with --dp there are none", remedy="  Leave it out.")
    if choices.trackers and choices.privacy.stages == "all":
        raise UsageError("--tracker would have no effect: private stages pass nothing on", remedy="  Leave it out.")


def _with_selection(evaluation: Evaluation, strategy: Strategy) -> Evaluation:
    """Set training rows aside for a strategy that chooses something itself."""
    if not strategy.selection_fraction:
        return evaluation
    chosen_on = "holdout" if evaluation.chosen_on == NOTHING_CHOSEN else evaluation.chosen_on
    return replace(evaluation, selection_fraction=strategy.selection_fraction, chosen_on=chosen_on)


def _checkpointed(overrides: Sequence[TrainerOverride]) -> tuple[str, ...]:
    """Return the kinds of stages that gradient checkpointing is switched on for."""
    wanted = [each for each in overrides if each.field == CHECKPOINTING and each.value]
    return STAGE_NAMES if any(each.stage is None for each in wanted) else tuple(str(each.stage) for each in wanted)


def _training(choices: Choices, task: Task, cache: RunDataCache) -> TrainingConfig:
    preset = get_preset(choices.preset)
    device = resolve_device()
    model = cache.model(choices.model)
    longest = _longest(longest_input(model, cache.tokenizer(choices.model)))
    usual = min(max_length_for(preset, task.name), longest)
    max_length = usual if choices.max_length is None else choices.max_length
    if not 3 <= max_length <= longest:
        raise UsageError(
            f"--max-length was given as {max_length}", allowed=f"  {choices.model!r} reads 3 to {longest} tokens."
        )
    batch_size = preset.batch_size if choices.batch_size is None else choices.batch_size
    if batch_size < 1:
        raise UsageError(f"--batch-size was given as {batch_size}", allowed="  It is at least 1.")
    return TrainingConfig(
        batch_size=batch_size,
        max_length=max_length,
        truncation=_truncation(choices, preset),
        stride=_stride(choices, max_length),
        # Norms that examples are clipped to have to be exact.
        precision="fp32"
        if choices.privacy and choices.precision == "auto"
        else resolve_precision(choices.precision, device),
        attention=resolve_attention(model, device),
        device=device,
        privacy=choices.privacy,
    )


def _check_adapter_fits(adapter: Adapter, training: TrainingConfig, choices: Choices, cache: RunDataCache) -> None:
    """Refuse lengths and positions with which an adapter would break."""
    longest = longest_input(cache.model(choices.model), cache.tokenizer(choices.model))
    if training.max_length > _longest(longest - adapter.num_positions):
        raise UsageError(
            f"the adapter {adapter.name!r} takes {adapter.num_positions} of the {longest} positions that "
            f"{choices.model!r} has",
            remedy=f"  Give --max-length {_longest(longest - adapter.num_positions)} or less.",
        )


def _truncation(choices: Choices, preset: Preset) -> Truncation:
    if choices.long is None:
        return preset.truncation
    known: dict[str, Truncation] = {"truncate": preset.truncation, "head_tail": "head_tail", "window": "window"}
    if choices.long not in known:
        raise unknown_name("way with long texts", choices.long, known)
    return known[choices.long]


def _stride(choices: Choices, max_length: int) -> int:
    """Return the tokens that two windows share, a quarter of their length by default; 0 without windows."""
    if choices.long != "window":
        if choices.stride is not None:
            raise UsageError("--stride would have no effect: it is for sliding windows", remedy="  Give --long window.")
        return 0
    stride = max_length // 4 if choices.stride is None else choices.stride
    if not 0 <= stride < max_length:
        raise UsageError(
            f"--stride was given as {stride}",
            allowed=f"  Two windows share 0 or more tokens, and fewer than the {max_length} that each has.",
        )
    return stride


def _loss(choices: Choices, task: Task, training: Split) -> LossConfig:
    counts = class_counts(task, training)
    return resolve_loss(
        task.kind,
        choices.loss,
        label_smoothing=choices.label_smoothing,
        class_weights=resolve_class_weights(choices.class_weights, task, counts),
        class_counts=counts,
    )


def _longest(num_positions: int) -> int:
    """Return the longest example whose padded batch still fits into the model's positions."""
    return num_positions // PADDING_MULTIPLE * PADDING_MULTIPLE


def _budget(choices: Choices, strategy: Strategy, num_steps: int) -> Budget:
    """Return the steps of all stages; with Stage 1 on top these are more, and Stage 2 keeps `num_steps`."""
    fraction = _fraction(choices)
    if not choices.stage1_on_top or not strategy.has_first_stage:
        return Budget(num_steps=num_steps, stage1_fraction=fraction)
    first, _ = Budget(num_steps=num_steps, stage1_fraction=fraction).split()
    return Budget(num_steps=num_steps + first, stage1_fraction=first / (num_steps + first))


def _fraction(choices: Choices) -> float:
    fraction = DEFAULT_STAGE1_FRACTION if choices.stage1_fraction is None else choices.stage1_fraction
    if not 0 <= fraction < 1:
        raise UsageError(
            f"--stage1-fraction was given as {fraction}",
            allowed="  It is Stage 1's share of all steps: 0 (plain fine-tuning) or more, and under 1.",
        )
    return fraction
