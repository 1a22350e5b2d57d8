"""Which ways to fine-tune a call asks for, and which of its options no such way could use. Imports no torch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from headstart.errors import UsageError, for_each
from headstart.experiments.options import MethodOptions, TrainingOptions
from headstart.option import named, option, split_list
from headstart.registry import Spec
from headstart.strategies.catalogue import build_strategy
from headstart.strategies.strategy import Strategy
from headstart.training.arguments import check_stages
from headstart.training.config import DEFAULT_FIRST_FRACTION

T = TypeVar("T")

DEFAULT_ADAPTER = Spec("lora")


def read_specs(text: str) -> tuple[Spec, ...]:
    """Read a comma-separated list of names with options."""
    return tuple(Spec.parse(part) for part in split_list(text))


def read_rates(text: str) -> tuple[float, ...]:
    """Read a comma-separated list of learning rates.

    Raises:
        UsageError: if one is not a number above 0.
    """
    return _numbers(text, lambda value: value > 0, "  A learning rate is a number above 0, as 2e-5.")


def read_shares(text: str) -> tuple[float, ...]:
    """Read a comma-separated list of Stage 1's shares.

    Raises:
        UsageError: if one is not a number from 0 up to but not including 1.
    """
    return _numbers(text, lambda value: 0 <= value < 1, "  A share is 0 or more and under 1, as 0.1.")


def _numbers(text: str, is_allowed: Callable[[float], bool], allowed: str) -> tuple[float, ...]:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedMethods:
    """The columns of a comparison: strategies, crossed with what each of them can use."""

    strategies: tuple[Spec, ...] = option(
        (Spec("finetune"), Spec("lp_ft"), Spec("eh_ft")),
        "Comma-separated, with options: finetune,lp_ft,eh_ft:reserve,mixout:head=adapter (docs/strategies has a card "
        "for each).",
        read=read_specs,
    )
    adapters: tuple[Spec, ...] = option(
        (),
        "Comma-separated: lora,bitfit,dora,peft:LOHA:r=4 (docs/adapters.md); crossed with the strategies that take an "
        "adapter. (Default: lora.)",
        read=read_specs,
    )
    learning_rates: tuple[float, ...] = option(
        (),
        "Peak learning rate of the stages that train the backbone; of several, one is chosen per strategy on held-out "
        "training rows. (Default: the preset's.)",
        read=read_rates,
    )
    stage1_learning_rates: tuple[float, ...] = option(
        (), "The same for the stages that train only a head or an adapter.", read=read_rates
    )
    stage1_fraction: tuple[float, ...] = option(
        (),
        "Stage 1's share of all updates: 0 or more, and under 1; several are compared: 0.1,0.3,0.5. (Default: 0.1.)",
        read=read_shares,
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
                MethodOptions(strategy=strategy, adapter=adapter, stage1_fraction=share)
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
            UsageError: if there is no strategy, a name or a value is wrong, or nothing could use an option.
        """
        if not self.strategies:
            raise UsageError("no strategy was given", remedy="  Give `strategy`, such as finetune or eh_ft.")
        strategies = [build_strategy(spec) for spec in self.strategies]
        _refuse_unused(self._given(training), strategies)
        check_stages(training.trainer, _stage_names(strategies))

    def _given(self, training: TrainingOptions) -> list[str]:
        """Return which of the options that only some strategies can use were given."""
        divides = training.dp is not None and training.dp.first_fraction != DEFAULT_FIRST_FRACTION
        is_given = {
            "adapter": self.adapters,
            "adapter_from": training.adapter_from,
            "quantise_stage1": training.quantise_stage1,
            "stage1_fraction": self.stage1_fraction,
            "stage1_on_top": training.stage1_on_top,
            "first_fraction": divides,
            "learning_rate": self.learning_rates,
            "stage1_learning_rate": self.stage1_learning_rates,
        }
        return [name for name, value in is_given.items() if value]


def check_method(method: MethodOptions, training: TrainingOptions) -> None:
    """Refuse what can be seen to be wrong with one method before any data is read.

    Raises:
        UsageError: if a name or a value is wrong, or an option could have no effect.
    """
    ComparedMethods(
        strategies=(method.strategy,),
        adapters=_listed(method.adapter),
        learning_rates=_listed(method.learning_rate),
        stage1_learning_rates=_listed(method.stage1_learning_rate),
        stage1_fraction=_listed(method.stage1_fraction),
    ).check(training)


def with_default_adapter(method: MethodOptions) -> MethodOptions:
    """Return the method with LoRA where its strategy takes an adapter and none was named."""
    if method.adapter is None and build_strategy(method.strategy).takes_adapter:
        return replace(method, adapter=DEFAULT_ADAPTER)
    return method


def _listed(value: T | None) -> tuple[T, ...]:
    return () if value is None else (value,)


USED_BY: dict[str, Callable[[Strategy], bool]] = {
    "adapter": lambda strategy: strategy.takes_adapter,
    "adapter_from": lambda strategy: strategy.takes_adapter,
    "quantise_stage1": lambda strategy: strategy.has_first_stage,
    "stage1_fraction": lambda strategy: strategy.has_first_stage,
    "stage1_on_top": lambda strategy: strategy.has_first_stage,
    "first_fraction": lambda strategy: strategy.has_first_stage,
    "learning_rate": lambda strategy: strategy.tunes_backbone,
    "stage1_learning_rate": lambda strategy: strategy.tunes_head_first,
}
"""Which strategies can use an option."""


def _refuse_unused(given: Sequence[str], strategies: Sequence[Strategy]) -> None:
    unused = [name for name in given if not any(USED_BY[name](strategy) for strategy in strategies)]
    if unused:
        raise UsageError(
            f"{named(unused)} would have no effect: no strategy here uses it",
            allowed=f"  Strategies in this call: {', '.join(dict.fromkeys(each.name for each in strategies))}.",
            remedy="  Leave it out, or add a strategy such as eh_ft.",
        )


def _stage_names(strategies: Sequence[Strategy]) -> list[str]:
    """Return the names of the stages that any of the strategies has."""
    names = {"finetune" for strategy in strategies if strategy.tunes_backbone}
    names |= {"adapter" if each.takes_adapter else "probe" for each in strategies if each.tunes_head_first}
    return sorted(names)
