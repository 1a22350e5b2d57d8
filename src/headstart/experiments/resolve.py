"""From what was asked and what is known to an experiment, resolved to the last number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from headstart.adapters.catalogue import build_adapter
from headstart.data.batching import PADDING_MULTIPLE
from headstart.data.tokenisation import Truncation
from headstart.errors import UsageError
from headstart.experiments.experiment import Experiment
from headstart.experiments.fitted_stages import check_fits
from headstart.experiments.label_scale import scale_for
from headstart.experiments.methods import DEFAULT_ADAPTER
from headstart.experiments.model_facts import ModelFacts
from headstart.experiments.options import (
    LEAST_SECONDS,
    MIN_LENGTH,
    USUAL_SECONDS,
    MethodOptions,
    Options,
    TrainingOptions,
)
from headstart.experiments.plan_checks import check_frozen_precision, check_plan_fits
from headstart.experiments.quantised_stages import with_quantised_backbone
from headstart.experiments.recipes import Preset, get_preset, max_length_for, rates_for, stage_optimizers
from headstart.experiments.table_facts import TableFacts, loss_of
from headstart.media.modality import Modality
from headstart.registry import Spec
from headstart.strategies.catalogue import build_strategy
from headstart.strategies.strategy import Budget, Stage, Strategy
from headstart.training.arguments import CHECKPOINTING, split_neutral
from headstart.training.config import STORED, TrainerOverride, TrainingConfig

DEFAULT_STAGE1_FRACTION = 0.1
STAGE_NAMES = ("probe", "adapter", "contrastive", "finetune")


def resolve(options: Options, table: TableFacts, model: ModelFacts) -> Experiment:
    """Return the experiment that options mean for a table and a model.

    Raises:
        UsageError: for anything that cannot work, before training: names, numbers, an adapter that the model cannot
            carry.
    """
    method, training = options.method, options.training
    strategy, preset = build_strategy(method.strategy), get_preset(training.preset)
    config = _config(training, preset, table, model)
    if method.adapter is not None:
        _check_adapter(method, strategy, config.max_length, model)
    plan = strategy.plan(
        _budget(options, strategy, training.num_steps(table.task.name, table.num_rows), table.num_rows),
        stage_optimizers(
            preset,
            rates_for(preset, table.task.name, model.num_backbone_parameters),
            method.adapter,
            learning_rate=method.learning_rate,
            stage1_learning_rate=method.stage1_learning_rate,
        ),
        method.adapter,
    )
    plan = _ending_early(_in_own_updates(plan, training, table.num_rows), method.stage1_until)
    changing, _ = split_neutral(overrides_of(training, plan))
    check_plan_fits(plan, model.classifier, repr(model.source.name), _checkpointed(changing))
    check_fits(plan, model.classifier, config.loss, keep_head=options.model.keep_head)
    return Experiment(
        task=table.task.name,
        task_fingerprint=table.fingerprint,
        model=model.source.name,
        model_revision=model.source.revision,
        head=model.head,
        keep_head=options.model.keep_head,
        strategy=method.strategy,
        adapter=method.adapter,
        plan=_with_backbones(plan, options, model),
        training=replace(config, overrides=changing),
        evaluation=table.evaluation,
    )


def _ending_early(plan: tuple[Stage, ...], until: Spec | None) -> tuple[Stage, ...]:
    """Return the plan with the rule `until` in each stage of a head or an adapter that further updates follow.

    Raises:
        UsageError: if there is none.
    """
    if until is None:
        return plan
    last = max((index for index, stage in enumerate(plan) if stage.trainable.has_updates), default=0)
    is_first = [stage.trains_head and not stage.trainable.trains_backbone for stage in plan[:last]]
    if not any(is_first):
        raise UsageError(
            "`stage1_until` would have no effect: no stage of a head or an adapter comes before another one here",
            remedy="  Leave it out, or use a strategy with a Stage 1 such as eh_ft, and a `stage1_fraction` above 0.",
        )
    first = (replace(stage, until=until) if chosen else stage for stage, chosen in zip(plan, is_first, strict=False))
    return (*first, *plan[last:])


def _in_own_updates(plan: tuple[Stage, ...], training: TrainingOptions, num_rows: int) -> tuple[Stage, ...]:
    """Return the plan with as many passes over the rows in each stage, whatever its own updates accumulate.

    Updates that were asked for by their number stay.
    """
    if training.steps is not None:
        return plan

    def own(stage: Stage) -> Stage:
        ratio = training.steps_per_epoch(num_rows, stage.kind) / training.steps_per_epoch(num_rows)
        return replace(stage, num_steps=max(1, round(stage.num_steps * ratio))) if stage.num_steps else stage

    return tuple(own(stage) for stage in plan)


def overrides_of(training: TrainingOptions, plan: Sequence[Stage]) -> tuple[TrainerOverride, ...]:
    """Return the `TrainingArguments` fields that were set for stages of this plan."""
    present = {stage.kind for stage in plan}
    return tuple(each for each in training.trainer if each.stage is None or each.stage in present)


def _check_adapter(method: MethodOptions, strategy: Strategy, max_length: int, model: ModelFacts) -> None:
    """Refuse an adapter that cannot do what the strategy wants of it, or leaves too few positions for the text."""
    adapter = build_adapter(method.adapter or DEFAULT_ADAPTER)
    if strategy.merges_adapter and not adapter.merges:
        raise UsageError(
            f"{method.strategy} keeps what Stage 1's adapter learned by merging it into the weights, and "
            f"{adapter.name!r} cannot be merged",
            remedy="  Use an adapter that merges: lora or bitfit.",
        )
    longest = _longest(model.longest_input - adapter.num_positions)
    if model.longest_input and max_length > longest:
        raise UsageError(
            f"the adapter {adapter.name!r} takes {adapter.num_positions} of the {model.longest_input} positions that "
            f"{model.source.name!r} has",
            remedy=f"  Give `max_length` {longest} or less.",
        )


def _checkpointed(overrides: Sequence[TrainerOverride]) -> tuple[str, ...]:
    """Return the kinds of stages that gradient checkpointing is switched on for."""
    wanted = [each for each in overrides if each.field == CHECKPOINTING and each.value]
    return STAGE_NAMES if any(each.stage is None for each in wanted) else tuple(str(each.stage) for each in wanted)


def _with_backbones(plan: tuple[Stage, ...], options: Options, model: ModelFacts) -> tuple[Stage, ...]:
    """Return the plan with adapters that start from a saved one, and quantised backbones under them, where asked."""
    method, training = options.method, options.training
    if training.adapter_from is not None:
        if all(stage.adapter is None for stage in plan):
            raise UsageError("`adapter_from` would have no effect: no stage here trains an adapter")
        plan = tuple(
            replace(stage, trainable=replace(tuned, saved=model.saved_adapter))
            if (tuned := stage.trainable.tuned)
            else stage
            for stage in plan
        )
    if training.frozen_precision == STORED:
        check_frozen_precision(plan, model.number_kinds, repr(model.source.name))
    if training.quantise_stage1 is not None:
        plan = with_quantised_backbone(plan, method.adapter, training.quantise_stage1, model.device)
    return plan


def _config(training: TrainingOptions, preset: Preset, table: TableFacts, model: ModelFacts) -> TrainingConfig:
    is_text = table.task.modality is Modality.TEXT
    max_length = _tokens(training, preset, table, model) if is_text else _samples(training, table, model)
    scale = scale_for(table.scale, model.classifier, is_private=training.dp is not None)
    # Norms that examples are clipped to have to be exact.
    usual_precision = "fp32" if training.dp is not None else model.precision
    return TrainingConfig(
        batch_size=training.rows_per_batch,
        max_length=max_length,
        truncation=_truncation(training, preset),
        stride=_stride(training, max_length),
        loss=loss_of(training, table.task, table.class_counts, table.num_rows, scale),
        precision=usual_precision if training.precision == "auto" else training.precision,
        attention=model.attention,
        device=model.device,
        privacy=training.dp,
    )


def _tokens(training: TrainingOptions, preset: Preset, table: TableFacts, model: ModelFacts) -> int:
    """Return the most tokens that are read of a text."""
    longest = _longest(model.longest_input)
    usual = min(max_length_for(preset, table.task.name), _longest(model.usual_input))
    max_length = usual if training.max_length is None else training.max_length
    if not MIN_LENGTH <= max_length <= longest:
        raise UsageError(
            f"`max_length` was given as {max_length}",
            allowed=f"  {model.source.name!r} reads {MIN_LENGTH} to {longest} tokens.",
        )
    return max_length


def _samples(training: TrainingOptions, table: TableFacts, model: ModelFacts) -> int:
    """Return the samples that are read of a sound; 1 where rows are images."""
    if model.sampling_rate is None:
        return 1
    usual = min(max(table.longest_sound, LEAST_SECONDS), USUAL_SECONDS)
    seconds = usual if training.clip_seconds is None else training.clip_seconds
    return math.ceil(seconds * model.sampling_rate)


def _truncation(training: TrainingOptions, preset: Preset) -> Truncation:
    ways: dict[str, Truncation] = {"head_tail": "head_tail", "window": "window"}
    return ways.get(training.long or "", preset.truncation)


def _stride(training: TrainingOptions, max_length: int) -> int:
    """Return the tokens that two windows share, a quarter of their length by default; 0 without windows."""
    if training.long != "window":
        return 0
    stride = max_length // 4 if training.stride is None else training.stride
    if stride >= max_length:
        raise UsageError(
            f"`stride` was given as {stride}",
            allowed=f"  Two windows share 0 or more tokens, and fewer than the {max_length} that each has.",
        )
    return stride


def _longest(num_positions: int) -> int:
    """Return the longest example whose padded batch still fits into the model's positions."""
    return num_positions // PADDING_MULTIPLE * PADDING_MULTIPLE


def _budget(options: Options, strategy: Strategy, num_steps: int, num_rows: int) -> Budget:
    """Return the steps of all stages; with Stage 1 on top these are more, and Stage 2 keeps `num_steps`."""
    given = options.method.stage1_fraction
    fraction = DEFAULT_STAGE1_FRACTION if given is None else given
    on_top = options.training.stage1_on_top
    budget = Budget(
        num_steps=num_steps,
        stage1_fraction=fraction,
        batch_size=options.training.rows_per_batch,
        num_rows=0 if on_top else num_rows,
    )
    if not on_top or not strategy.has_first_stage:
        return budget
    first, _ = budget.split()
    total = num_steps + strategy.num_first_stages * first
    return replace(budget, num_steps=total, stage1_fraction=first / total)
