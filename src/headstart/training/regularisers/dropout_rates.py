"""The dropout of a model: where its rates stand, and how they are set."""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch

Rate = tuple[torch.nn.Module, str]
"""A module, and the name of its attribute."""
_NAMES = re.compile(r"dropout(_prob|_rate)?$|pdrop$")
_DROPOUTS = (torch.nn.modules.dropout._DropoutNd,)


def dropout_rates(model: torch.nn.Module) -> Iterator[tuple[Rate, float]]:
    """Yield every rate of dropout, that of attention included, and its value.

    A rate is the `p` of a dropout module, or a number of a module whose name says dropout: some architectures in
    transformers hand such a number to the attention function.
    """
    for module in model.modules():
        if isinstance(module, _DROPOUTS):
            yield (module, "p"), module.p
            continue
        for name, value in vars(module).items():
            if isinstance(value, int | float) and not isinstance(value, bool) and _NAMES.search(name):
                yield (module, name), value


def has_dropout(model: torch.nn.Module) -> bool:
    """Return whether any rate is above zero."""
    return any(value > 0 for _, value in dropout_rates(model))
