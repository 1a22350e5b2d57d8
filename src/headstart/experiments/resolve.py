"""From what was asked and what is known to an experiment, resolved to the last number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from headstart.adapters.catalogue import build_adapter
from headstart.data.batching import PADDING_MULTIPLE
from headstart.data.tokenisation import Truncation
from headstart.errors import UsageError, unknown_name
from headstart.experiments.class_weights import resolve_class_weights
from headstart.experiments.experiment import Experiment
from headstart.experiments.model_facts import ModelFacts
from headstart.experiments.options import MethodOptions, Options, TrainingOptions
from headstart.experiments.plan_checks import check_gradient_checkpointing, check_plan_fits
from headstart.experiments.quantised_stages import with_quantised_backbone
from headstart.experiments.recipes import (
    Preset,
    get_preset,
    max_length_for,
    rates_for,
    resolve_num_steps,
    stage_optimizers,
)
from headstart.experiments.table_facts import TableFacts
from headstart.registry import Spec
from headstart.strategies.catalogue import build_strategy
from headstart.strategies.eh_ft import EhFt
from headstart.strategies.strategy import Budget, Stage, Strategy
from headstart.training.arguments import CHECKPOINTING, split_neutral
from headstart.training.config import LossConfig, TrainerOverride, TrainingConfig
from headstart.training.losses import resolve_loss

DEFAULT_STAGE1_FRACTION = 0.1
STAGE_NAMES = ("probe", "adapter", "finetune")


def resolve(options: Options, table: TableFacts, model: ModelFacts) -> Experiment:
    """Return the experiment that options mean for a table and a model.

    Raises:
        UsageError: for anything that cannot work, before training: names, numbers, an adapter that the model cannot
            carry.
    """
    method, training = options.method, options.training
    strategy, preset = build_strategy(method.strategy), get_preset(training.preset)
    if method.adapter is not None:
        _check_adapter(method, strategy, model)
    config = _config(training, preset, table, model)
    plan = strategy.plan(
        _budget(options, strategy, _num_steps(training, preset, table, config.batch_size)),
        stage_optimizers(
            preset,
            rates_for(preset, table.task.name, model.num_backbone_parameters),
            method.adapter,
            learning_rate=method.learning_rate,
            stage1_learning_rate=method.stage1_learning_rate,
        ),
        method.adapter,
    )
    changing, _ = split_neutral(overrides_of(training, plan))
    if method.adapter is not None:
        _check_adapter_fits(method.adapter, config, changing, model)
    check_plan_fits(plan, model.classifier, model.source.name)
    check_gradient_checkpointing(plan, _checkpointed(changing), model.classifier)
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


def overrides_of(training: TrainingOptions, plan: Sequence[Stage]) -> tuple[TrainerOverride, ...]:
    """Return the `TrainingArguments` fields that were set for stages of this plan."""
    present = {stage.kind for stage in plan}
    return tuple(each for each in training.trainer if each.stage is None or each.stage in present)


def _check_adapter(method: MethodOptions, strategy: Strategy, model: ModelFacts) -> None:
    """Refuse an adapter that the model cannot carry, or that cannot do what the strategy wants of it."""
    adapter = method.adapter
    if model.adapter_refusal is not None:
        raise UsageError(
            f"the adapter {str(adapter)!r} does not work on {model.source.name!r}: {model.adapter_refusal}",
            allowed=f"  Adapters that do: {', '.join(model.working_adapters) or 'none'}.",
            remedy=f"  `headstart doctor {model.source.name}` says more.",
        )
    if adapter and isinstance(strategy, EhFt) and strategy.kept_fraction and not build_adapter(adapter).merges:
        raise UsageError(
            f"{method.strategy} keeps what Stage 1's adapter learned by merging it into the weights, and "
            f"{adapter.name!r} cannot be merged",
            remedy="  Use an adapter that merges: lora or bitfit.",
        )


def _check_adapter_fits(
    spec: Spec, config: TrainingConfig, overrides: Sequence[TrainerOverride], model: ModelFacts
) -> None:
    """Refuse lengths and helpers with which an adapter would break or silently train nothing."""
    adapter = build_adapter(spec)
    longest = _longest(model.longest_input - adapter.num_positions)
    if config.max_length > longest:
        raise UsageError(
            f"the adapter {adapter.name!r} takes {adapter.num_positions} of the {model.longest_input} positions that "
            f"{model.source.name!r} has",
            remedy=f"  Give `max_length` {longest} or less.",
        )
    if "adapter" in _checkpointed(overrides) and not adapter.works_with_gradient_checkpointing:
        raise UsageError(
            f"with gradient checkpointing the adapter {adapter.name!r} gets no gradient: only the head would learn",
            remedy="  Leave gradient_checkpointing out, or use another adapter.",
        )


def _checkpointed(overrides: Sequence[TrainerOverride]) -> tuple[str, ...]:
    """Return the kinds of stages that gradient checkpointing is switched on for."""
    wanted = [each for each in overrides if each.field == CHECKPOINTING and each.value]
    return STAGE_NAMES if any(each.stage is None for each in wanted) else tuple(str(each.stage) for each in wanted)


def _with_backbones(plan: tuple[Stage, ...], options: Options, model: ModelFacts) -> tuple[Stage, ...]:
    """Return the plan with adapters that start from a saved one, and quantised backbones under them, where asked."""
    method, training = options.method, options.training
    if training.adapter_from is not None and method.adapter is not None:
        if all(stage.adapter is None for stage in plan):
            raise UsageError("`adapter_from` would have no effect: no stage here trains an adapter")
        plan = tuple(replace(each, adapter_from=model.saved_adapter) if each.adapter else each for each in plan)
    if training.quantise_stage1 is not None and method.adapter is not None:
        plan = with_quantised_backbone(plan, method.adapter, training.quantise_stage1, model.device)
    return plan


def _config(training: TrainingOptions, preset: Preset, table: TableFacts, model: ModelFacts) -> TrainingConfig:
    longest = _longest(model.longest_input)
    usual = min(max_length_for(preset, table.task.name), longest)
    max_length = usual if training.max_length is None else training.max_length
    if not 3 <= max_length <= longest:
        raise UsageError(
            f"`max_length` was given as {max_length}",
            allowed=f"  {model.source.name!r} reads 3 to {longest} tokens.",
        )
    batch_size = preset.batch_size if training.batch_size is None else training.batch_size
    if batch_size < 1:
        raise UsageError(f"`batch_size` was given as {batch_size}", allowed="  It is at least 1.")
    # Norms that examples are clipped to have to be exact.
    usual_precision = "fp32" if training.dp is not None else model.precision
    return TrainingConfig(
        batch_size=batch_size,
        max_length=max_length,
        truncation=_truncation(training, preset),
        stride=_stride(training, max_length),
        loss=_loss(training, table),
        precision=usual_precision if training.precision == "auto" else training.precision,
        attention=model.attention,
        device=model.device,
        privacy=training.dp,
    )


def _num_steps(training: TrainingOptions, preset: Preset, table: TableFacts, batch_size: int) -> int:
    return resolve_num_steps(
        preset,
        table.task.name,
        table.num_rows,
        batch_size,
        epochs=training.epochs,
        steps=training.steps,
        budget_factor=training.budget_factor,
    )


def _truncation(training: TrainingOptions, preset: Preset) -> Truncation:
    if training.long is None:
        return preset.truncation
    known: dict[str, Truncation] = {"truncate": preset.truncation, "head_tail": "head_tail", "window": "window"}
    if training.long not in known:
        raise unknown_name("way with long texts", training.long, known)
    return known[training.long]


def _stride(training: TrainingOptions, max_length: int) -> int:
    """Return the tokens that two windows share, a quarter of their length by default; 0 without windows."""
    if training.long != "window":
        if training.stride is not None:
            raise UsageError(
                "`stride` would have no effect: it is for sliding windows", remedy="  Give `long` as window."
            )
        return 0
    stride = max_length // 4 if training.stride is None else training.stride
    if not 0 <= stride < max_length:
        raise UsageError(
            f"`stride` was given as {stride}",
            allowed=f"  Two windows share 0 or more tokens, and fewer than the {max_length} that each has.",
        )
    return stride


def _loss(training: TrainingOptions, table: TableFacts) -> LossConfig:
    return resolve_loss(
        table.task.kind,
        training.loss,
        label_smoothing=training.label_smoothing,
        class_weights=resolve_class_weights(training.class_weights, table.task, table.class_counts),
        class_counts=table.class_counts,
    )


def _longest(num_positions: int) -> int:
    """Return the longest example whose padded batch still fits into the model's positions."""
    return num_positions // PADDING_MULTIPLE * PADDING_MULTIPLE


def _budget(options: Options, strategy: Strategy, num_steps: int) -> Budget:
    """Return the steps of all stages; with Stage 1 on top these are more, and Stage 2 keeps `num_steps`."""
    given = options.method.stage1_fraction
    fraction = DEFAULT_STAGE1_FRACTION if given is None else given
    if not 0 <= fraction < 1:
        raise UsageError(
            f"`stage1_fraction` was given as {fraction}",
            allowed="  It is Stage 1's share of all steps: 0 (plain fine-tuning) or more, and under 1.",
        )
    budget = Budget(num_steps=num_steps, stage1_fraction=fraction)
    if not options.training.stage1_on_top or not strategy.has_first_stage:
        return budget
    first, _ = budget.split()
    return Budget(num_steps=num_steps + first, stage1_fraction=first / (num_steps + first))
