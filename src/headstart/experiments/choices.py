"""What a user chose, and which strategies and adapters that means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headstart.adapters.catalogue import build_adapter
from headstart.errors import UsageError
from headstart.registry import Spec
from headstart.strategies.catalogue import build_strategy
from headstart.strategies.strategy import Strategy
from headstart.training.arguments import parse_overrides
from headstart.training.config import DEFAULT_FIRST_FRACTION, PrivacyConfig

DEFAULT_ADAPTER = Spec("lora")
STAGE_NAMES = ("probe", "adapter", "finetune")
"""What may stand before the dot of `--trainer stage.KEY=VALUE`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a user chose, as they said it; None means the preset's.

    Attributes:
        strategies, adapters: crossed where a strategy takes an adapter.
        adapter_from: folder of a saved adapter that stages with one start from.
        quantise_stage1: "8bit" or "4bit" for the frozen backbone of a first stage with an adapter.
        learning_rate: of stages that train the backbone.
        stage1_learning_rate: of stages that train head or adapter, as Stage 1 or alone.
        budget_factor: times the preset's number of updates.
        stage1_fraction: Stage 1's share of the steps, from 0 up to but not including 1.
        stage1_on_top: Stage 1's steps are added to the others instead of being taken from them.
        long: what happens to texts over `max_length`: "truncate", "head_tail" or "window".
        stride: tokens that two neighbouring windows share.
        loss: what is minimised; `class_weights`: "none", "balanced" or a JSON file of label: weight.
        privacy: a budget of differential privacy; None trains without.
        diagnostics: measure what stages do beside the scores.
        trackers: services, by transformers' names, that runs are passed on to.
        trainer: `KEY=VALUE` or `stage.KEY=VALUE` for `TrainingArguments`.
    """

    model: str
    strategies: tuple[Spec, ...]
    adapters: tuple[Spec, ...] = ()
    adapter_from: Path | None = None
    quantise_stage1: str | None = None
    head: Spec | None = None
    keep_head: bool = False
    preset: str = "default"
    epochs: float | None = None
    steps: int | None = None
    budget_factor: float | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    stage1_learning_rate: float | None = None
    stage1_fraction: float | None = None
    stage1_on_top: bool = False
    max_length: int | None = None
    long: str | None = None
    stride: int | None = None
    loss: Spec = field(default_factory=lambda: Spec("cross_entropy"))
    label_smoothing: float = 0.0
    class_weights: str = "none"
    precision: str = "auto"
    privacy: PrivacyConfig | None = None
    diagnostics: bool = True
    trackers: tuple[str, ...] = ()
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
                _check_merging(spec, strategy, adapter)
            pairs.append((spec, adapter))
    return pairs


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
            ("--adapter-from", choices.adapter_from, any(strategy.takes_adapter for strategy in strategies)),
            ("--quantise-stage1", choices.quantise_stage1, two_stages),
            ("--stage1-fraction", choices.stage1_fraction is not None, two_stages),
            ("--stage1-on-top", choices.stage1_on_top, two_stages),
            ("first_fraction of --dp", _splits_otherwise(choices.privacy), two_stages),
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


def _splits_otherwise(privacy: PrivacyConfig | None) -> bool:
    return privacy is not None and privacy.first_fraction != DEFAULT_FIRST_FRACTION


def _check_merging(spec: Spec, strategy: Strategy, adapter: Spec) -> None:
    if strategy.merges_adapter and not build_adapter(adapter).merges:
        raise UsageError(
            f"{spec} keeps what Stage 1's adapter learned by merging it into the weights, and {adapter.name!r} "
            "cannot be merged",
            remedy="  Use an adapter that merges: lora or bitfit.",
        )
