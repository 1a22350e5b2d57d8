"""Which ways to fine-tune a call asks for, and which of its options no such way could use. Imports no torch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from headstart.errors import UsageError, for_each
from headstart.experiments.options import STAGE1_UNTIL, USUAL_RATES, USUAL_STAGE1_RATES, MethodOptions, TrainingOptions
from headstart.experiments.varied import VariedAxis
from headstart.option import given, named, option, split_list
from headstart.registry import Spec
from headstart.strategies.catalogue import build_strategy
from headstart.strategies.strategy import Strategy
from headstart.training.arguments import check_stages
from headstart.training.config import DEFAULT_FIRST_FRACTION

DEFAULT_ADAPTER = Spec("lora")


def _read_specs(text: str) -> tuple[Spec, ...]:
    return tuple(Spec.parse(part) for part in split_list(text))


def _read_numbers(text: str, is_allowed: Callable[[float], bool], allowed: str) -> tuple[float, ...]:
    """Read a comma-separated list of numbers; one that comes twice counts once."""

    def read(part: str) -> float:
        try:
            value = float(part)
        except ValueError:
            value = math.nan
        if not is_allowed(value):
            raise UsageError(f"cannot use {part!r} of {text!r}", allowed=allowed)
        return value

    return tuple(dict.fromkeys(for_each(split_list(text), read)))


def _read_rates(text: str) -> tuple[float, ...]:
    return _read_numbers(text, lambda value: value > 0, "  A learning rate is a number above 0, as 2e-5.")


def _read_shares(text: str) -> tuple[float, ...]:
    return _read_numbers(text, lambda value: 0 <= value < 1, "  A share is 0 or more and under 1, as 0.1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedMethods:
    """The columns of a comparison: strategies, crossed with what each of them can use."""

    strategies: tuple[Spec, ...] = option(
        (Spec("finetune"), Spec("lp_ft"), Spec("eh_ft")),
        "Comma-separated, with options: finetune,lp_ft,eh_ft:reserve,mixout:head=adapter (docs/strategies has a card "
        "for each).",
        read=_read_specs,
    )
    adapters: tuple[Spec, ...] = option(
        (),
        "Comma-separated: lora,bitfit,dora,peft:LOHA:r=4 (docs/adapters.md); crossed with the strategies that take an "
        "adapter. (Default: lora.)",
        read=_read_specs,
    )
    learning_rates: tuple[float, ...] = option(
        (),
        "Peak learning rate of the stages that train the backbone; of several, one is chosen per strategy on held-out "
        f"training rows. (Default: {USUAL_RATES}.)",
        read=_read_rates,
    )
    stage1_learning_rates: tuple[float, ...] = option(
        (),
        f"The same for the stages that train only a head or an adapter. (Default: {USUAL_STAGE1_RATES}.)",
        read=_read_rates,
    )
    stage1_fraction: tuple[float, ...] = option(
        (),
        "Stage 1's share of all updates: 0 or more, and under 1; several are compared: 0.1,0.3,0.5. (Default: 0.1.)",
        read=_read_shares,
    )
    stage1_until: Spec | None = option(None, STAGE1_UNTIL, read=Spec.parse)
    vary: VariedAxis | None = option(
        None,
        "One more axis, AXIS=VALUE,VALUE: every strategy and adapter is run at each value, as in "
        "head=native,linear,fourier_kan or max_length=128,256. Axes: head, pooling, max_length, long, loss, "
        "class_weights, precision, preset.",
        read=VariedAxis.parse,
    )

    @property
    def choose_rates(self) -> bool:
        """Whether learning rates are chosen before anything is reported."""
        return len(self.learning_rates) > 1 or len(self.stage1_learning_rates) > 1

    @property
    def num_trials(self) -> int:
        """The trials that each column gets to choose its learning rates."""
        return max(1, len(self.learning_rates)) * max(1, len(self.stage1_learning_rates))

    def methods(self) -> list[MethodOptions]:
        """Return the columns, without learning rates."""
        found: list[MethodOptions] = []
        for strategy in dict.fromkeys(self.strategies):
            kind = build_strategy(strategy)
            adapters = dict.fromkeys(self.adapters) if kind.takes_adapter and self.adapters else (None,)
            shares = self.stage1_fraction if kind.has_first_stage and self.stage1_fraction else (None,)
            found.extend(
                MethodOptions(
                    strategy=strategy,
                    adapter=adapter,
                    stage1_fraction=share,
                    stage1_until=self.stage1_until if kind.has_first_stage else None,
                )
                for adapter, share in itertools.product(adapters, shares)
            )
        return found

    def candidates(self, method: MethodOptions) -> list[MethodOptions]:
        """Return a column with each pair of learning rates that makes a difference to its strategy."""
        kind = build_strategy(method.strategy)
        second = self.learning_rates if kind.tunes_backbone else ()
        first = self.stage1_learning_rates if kind.tunes_head_first else ()
        pairs = itertools.product(second or (None,), first or (None,))
        return [replace(method, learning_rate=rate, stage1_learning_rate=stage1_rate) for rate, stage1_rate in pairs]

    def check(self, training: TrainingOptions) -> None:
        """Refuse what can be seen to be wrong before any data is read.

        Raises:
            UsageError: if no strategy is named, a name or a value is wrong, or nothing could use an option.
        """
        if not self.strategies:
            raise UsageError("no strategy was given", remedy="  Give `strategy`, such as finetune or eh_ft.")
        _check(self.strategies, given(self), training)


def check_method(method: MethodOptions, training: TrainingOptions) -> None:
    """Refuse what can be seen to be wrong with one method before any data is read.

    Raises:
        UsageError: if a name or a value is wrong, or an option could have no effect.
    """
    _check((method.strategy,), given(method), training)


def with_default_adapter(method: MethodOptions) -> MethodOptions:
    """Return the method with LoRA where its strategy takes an adapter and none was named."""
    if method.adapter is None and build_strategy(method.strategy).takes_adapter:
        return replace(method, adapter=DEFAULT_ADAPTER)
    return method


USED_BY = {
    "takes_updates": ("steps", "epochs", "budget_factor", "batch_size"),
    "takes_loss": ("loss", "label_smoothing"),
    "takes_adapter": ("adapter", "adapters", "adapter_from", "frozen_precision"),
    "has_first_stage": ("quantise_stage1", "stage1_fraction", "stage1_until", "first_fraction"),
    "has_head_start": ("stage1_on_top",),
    "tunes_backbone": ("learning_rate", "learning_rates"),
    "tunes_head_first": ("stage1_learning_rate", "stage1_learning_rates"),
}
"""Trait of a strategy -> the options that only strategies with it can use."""


def _check(specs: Sequence[Spec], asked: Sequence[str], training: TrainingOptions) -> None:
    """Refuse options that no strategy of a call can use; `asked` are those given beside the training's."""
    strategies = [build_strategy(spec) for spec in specs]
    divides = training.dp is not None and training.dp.first_fraction != DEFAULT_FIRST_FRACTION
    names = {*asked, *given(training), *(["first_fraction"] if divides else [])}
    unusable = [trait for trait in USED_BY if not any(getattr(strategy, trait) for strategy in strategies)]
    unused = [name for trait in unusable for name in USED_BY[trait] if name in names]
    if unused:
        raise UsageError(
            f"{named(unused)} would have no effect: no strategy here uses it",
            allowed=f"  Strategies in this call: {', '.join(dict.fromkeys(each.name for each in strategies))}.",
            remedy="  Leave it out, or add a strategy such as eh_ft.",
        )
    check_stages(training.trainer, _stage_names(strategies))


def _stage_names(strategies: Sequence[Strategy]) -> list[str]:
    """Return the names of the stages that any of the strategies has."""
    return sorted(frozenset().union(*(each.stage_kinds for each in strategies)))
