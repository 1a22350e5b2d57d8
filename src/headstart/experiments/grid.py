"""From what a user chose to the experiments that it means: tasks x strategies x adapters, each resolved to numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from headstart.adapters.adapter import Adapter
from headstart.adapters.catalogue import build_adapter, working_adapters
from headstart.data.batching import PADDING_MULTIPLE
from headstart.errors import UsageError
from headstart.experiments.experiment import Evaluation, Experiment, TaskSource
from headstart.experiments.recipes import get_preset, rates_for, resolve_num_steps, stage_optimizers
from headstart.experiments.workspace import Workspace
from headstart.models.loading import longest_input
from headstart.models.parameters import count
from headstart.registry import Spec
from headstart.strategies.catalogue import build_strategy
from headstart.strategies.strategy import Budget, Stage, Strategy
from headstart.training.arguments import parse_overrides, split_neutral
from headstart.training.config import (
    RunOptions,
    TrainerOverride,
    TrainingConfig,
    resolve_attention,
    resolve_device,
    resolve_precision,
)

DEFAULT_STAGE1_FRACTION = 0.1
DEFAULT_ADAPTER = Spec("lora")
STAGE_NAMES = ("probe", "adapter", "finetune")
"""What may stand before the dot of `--trainer stage.KEY=VALUE`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a user chose, as they said it; None means the preset's.

    Attributes:
        strategies, adapters: crossed where a strategy takes an adapter.
        learning_rate: of stages that train the backbone.
        stage1_learning_rate: of stages that train head or adapter, as Stage 1 or alone.
        stage1_fraction: Stage 1's share of the steps, from 0 up to but not including 1.
        trainer: `KEY=VALUE` or `stage.KEY=VALUE` for `TrainingArguments`.
    """

    model: str
    strategies: tuple[Spec, ...]
    adapters: tuple[Spec, ...] = ()
    head: Spec | None = None
    keep_head: bool = False
    preset: str = "default"
    epochs: float | None = None
    steps: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    stage1_learning_rate: float | None = None
    stage1_fraction: float | None = None
    max_length: int | None = None
    precision: str = "auto"
    trainer: tuple[str, ...] = ()


def pairings(choices: Choices) -> list[tuple[Spec, Spec | None]]:
    """Return strategy and adapter of each column of a comparison; adapters cross only with strategies that take one.

    Raises:
        UsageError: if adapters, a Stage-1 option or a rate are given that no strategy could use, or one is unknown.
    """
    strategies = [(spec, build_strategy(spec)) for spec in dict.fromkeys(choices.strategies)]
    if not strategies:
        raise UsageError("no strategy was given", remedy="  Give --strategies, such as finetune,eh_ft.")
    _refuse_unused(choices, [strategy for _, strategy in strategies])
    parse_overrides(choices.trainer, _stage_names([strategy for _, strategy in strategies]))
    adapters = tuple(dict.fromkeys(choices.adapters)) or (DEFAULT_ADAPTER,)
    pairs: list[tuple[Spec, Spec | None]] = []
    for spec, strategy in strategies:
        for adapter in adapters if strategy.takes_adapter else (None,):
            if adapter is not None:
                _check_reserve(spec, adapter)
            pairs.append((spec, adapter))
    return pairs


def build_experiment(
    choices: Choices,
    strategy: Spec,
    adapter: Spec | None,
    source: TaskSource,
    workspace: Workspace,
    evaluation: Evaluation | None = None,
) -> Experiment:
    """Return one experiment, resolved to the last number.

    Raises:
        UsageError: for anything that cannot work, before training: names, numbers, an adapter that the model cannot
            carry.
    """
    preset = get_preset(choices.preset)
    task = workspace.task_data(source).task
    evaluation = evaluation or Evaluation(split=task.evaluation_split)
    draft = Experiment(
        task=task.name,
        task_fingerprint=workspace.task_data(source).fingerprint,
        model=choices.model,
        model_revision=workspace.model(choices.model).revision,
        head=choices.head or preset.head,
        keep_head=choices.keep_head,
        strategy=strategy,
        adapter=adapter,
        plan=(),
        training=_training(choices, workspace),
        evaluation=evaluation,
    )
    num_parameters = _probe_model(draft, adapter, source, workspace)
    kind = build_strategy(strategy)
    optimizers = stage_optimizers(
        preset,
        rates_for(preset, task.name, num_parameters),
        adapter,
        learning_rate=choices.learning_rate,
        stage1_learning_rate=choices.stage1_learning_rate,
    )
    num_rows = len(workspace.split(source, evaluation, train=True))
    num_steps = resolve_num_steps(
        preset, task.name, num_rows, draft.training.batch_size, epochs=choices.epochs, steps=choices.steps
    )
    if adapter is not None:
        _check_adapter_fits(build_adapter(adapter), draft.training, choices, workspace)
    plan = kind.plan(Budget(num_steps=num_steps, stage1_fraction=_fraction(choices)), optimizers, adapter)
    changing, _ = trainer_overrides(choices, plan)
    return replace(draft, plan=plan, training=replace(draft.training, overrides=changing))


def trainer_overrides(
    choices: Choices, plan: Sequence[Stage]
) -> tuple[tuple[TrainerOverride, ...], tuple[TrainerOverride, ...]]:
    """Return the user's `TrainingArguments` for this plan: those that can change results, and those that cannot."""
    overrides = parse_overrides(choices.trainer, STAGE_NAMES)
    present = {stage.name for stage in plan}
    return split_neutral([override for override in overrides if override.stage is None or override.stage in present])


def run_options(choices: Choices, plan: Sequence[Stage], *, keep_backbone: bool) -> RunOptions:
    """Return what may differ between two calls without a different result."""
    _, neutral = trainer_overrides(choices, plan)
    return RunOptions(keep_backbone=keep_backbone, overrides=neutral)


def _probe_model(experiment: Experiment, adapter: Spec | None, source: TaskSource, workspace: Workspace) -> int:
    """Load the model once: refuse an adapter that it cannot carry, and return the backbone's parameter count."""
    classifier = workspace.classifier(source, experiment, seed=0)
    if adapter is not None:
        refusal = build_adapter(adapter).refusal(classifier)
        if refusal is not None:
            working = [name for name, reason in working_adapters(classifier).items() if reason is None]
            raise UsageError(
                f"the adapter {str(adapter)!r} does not work on {experiment.model!r}: {refusal}",
                allowed=f"  Adapters that do: {', '.join(working) or 'none'}.",
                remedy=f"  `headstart doctor {experiment.model}` says more.",
            )
    return count(classifier.backbone_tensors())


def _training(choices: Choices, workspace: Workspace) -> TrainingConfig:
    preset = get_preset(choices.preset)
    device = resolve_device()
    model = workspace.model(choices.model)
    longest = _longest(longest_input(model, workspace.tokenizer(choices.model)))
    max_length = min(preset.max_length, longest) if choices.max_length is None else choices.max_length
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
        truncation=preset.truncation,
        precision=resolve_precision(choices.precision, device),
        attention=resolve_attention(device),
        device=device,
    )


def _check_adapter_fits(adapter: Adapter, training: TrainingConfig, choices: Choices, workspace: Workspace) -> None:
    """Refuse lengths and helpers with which an adapter would break or silently train nothing."""
    longest = longest_input(workspace.model(choices.model), workspace.tokenizer(choices.model))
    if training.max_length > _longest(longest - adapter.num_positions):
        raise UsageError(
            f"the adapter {adapter.name!r} takes {adapter.num_positions} of the {longest} positions that "
            f"{choices.model!r} has",
            remedy=f"  Give --max-length {_longest(longest - adapter.num_positions)} or less.",
        )
    checkpointing = any(
        override.field == "gradient_checkpointing" and override.value and override.stage in (None, "adapter")
        for override in parse_overrides(choices.trainer, STAGE_NAMES)
    )
    if checkpointing and not adapter.works_with_gradient_checkpointing:
        raise UsageError(
            f"with gradient checkpointing the adapter {adapter.name!r} gets no gradient: only the head would learn",
            remedy="  Leave gradient_checkpointing out, or use another adapter.",
        )


def _longest(num_positions: int) -> int:
    """Return the longest example whose padded batch still fits into the model's positions."""
    return num_positions // PADDING_MULTIPLE * PADDING_MULTIPLE


def _fraction(choices: Choices) -> float:
    fraction = DEFAULT_STAGE1_FRACTION if choices.stage1_fraction is None else choices.stage1_fraction
    if not 0 <= fraction < 1:
        raise UsageError(
            f"--stage1-fraction was given as {fraction}",
            allowed="  It is Stage 1's share of all steps: 0 (plain fine-tuning) or more, and under 1.",
        )
    return fraction


def _stage_names(strategies: Sequence[Strategy]) -> list[str]:
    """Return the names of the stages that any of the strategies has."""
    names = {"finetune" for strategy in strategies if strategy.tunes_backbone}
    names |= {"adapter" if each.takes_adapter else "probe" for each in strategies if each.tunes_head_first}
    return sorted(names)


def _refuse_unused(choices: Choices, strategies: Sequence[Strategy]) -> None:
    """An option that nothing in the call could use is an error."""
    names = ", ".join(dict.fromkeys(strategy.name for strategy in strategies))
    two_stages = any(strategy.has_first_stage for strategy in strategies)
    unused = [
        option
        for option, given, used in (
            ("--adapter", choices.adapters, any(strategy.takes_adapter for strategy in strategies)),
            ("--stage1-fraction", choices.stage1_fraction is not None, two_stages),
            ("--learning-rate", choices.learning_rate is not None, any(each.tunes_backbone for each in strategies)),
            (
                "--stage1-learning-rate",
                choices.stage1_learning_rate is not None,
                any(each.tunes_head_first for each in strategies),
            ),
        )
        if given and not used
    ]
    if unused:
        raise UsageError(
            f"{' and '.join(unused)} would have no effect: no strategy here uses it",
            allowed=f"  Strategies in this call: {names}.",
            remedy="  Leave it out, or add a strategy such as eh_ft.",
        )


def _check_reserve(strategy: Spec, adapter: Spec) -> None:
    if strategy.option_dict().get("reserve") and not build_adapter(adapter).merges:
        raise UsageError(
            f"{strategy} keeps what Stage 1's adapter learned by merging it into the weights, and {adapter.name!r} "
            "cannot be merged",
            remedy="  Use an adapter that merges: lora or bitfit.",
        )
