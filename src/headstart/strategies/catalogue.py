"""All strategies by name."""

from __future__ import annotations

import dataclasses

from headstart.errors import UsageError, unknown_name
from headstart.registry import Registry, Spec
from headstart.strategies.adapter import AdapterTuning
from headstart.strategies.eh_ft import EhFt
from headstart.strategies.finetune import Finetune
from headstart.strategies.linear_probe import LinearProbe
from headstart.strategies.lp_ft import LpFt
from headstart.strategies.strategy import Strategy

STRATEGIES: Registry[type[Strategy]] = Registry("strategy")
for _strategy in (Finetune, LinearProbe, LpFt, EhFt, AdapterTuning):
    STRATEGIES.add(_strategy.name, _strategy)


def build_strategy(spec: Spec) -> Strategy:
    """Return the strategy that `spec` names, with its options set.

    Raises:
        UsageError: if the name or an option is unknown, or an option is not a yes or no.
    """
    kind = STRATEGIES.get(spec.name)
    known = [option.name for option in dataclasses.fields(kind)]
    for option, value in spec.options:
        if option not in known:
            if not known:
                raise UsageError(f"strategy {spec.name!r} has no options, but {option!r} was given")
            raise unknown_name(f"option of strategy {spec.name!r}", option, known)
        if not isinstance(value, bool):
            raise UsageError(
                f"option {option!r} of strategy {spec.name!r} was given as {value!r}",
                allowed=f"  It is switched on by its name: {spec.name}:{option}.",
            )
    return kind(**spec.option_dict())
