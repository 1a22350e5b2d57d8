"""All kinds of answer, by name."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.kinds.classification import Classification
from headstart.kinds.kind import KINDS, Kind
from headstart.kinds.multi_label import MultiLabel
from headstart.kinds.multiple_choice import MultipleChoice
from headstart.kinds.regression import Regression

IN_ORDER_OF_GUESSING: tuple[Kind, ...] = (MultipleChoice(), MultiLabel(), Regression(), Classification())
for _kind in IN_ORDER_OF_GUESSING:
    KINDS.add(_kind.name, _kind)

DEFAULT_KIND = KINDS.get("classification")
"""The kind of a task that does not name one."""


def kind_named(name: str) -> Kind:
    """Return a kind by its name.

    Raises:
        UsageError: if the name is unknown.
    """
    return KINDS.get(name)


def guess_kind(cells: Sequence[object], separator: str | None, choices: Sequence[str]) -> tuple[Kind, str]:
    """Return the first kind that takes a column, and its reason; "" where it needs none. See `Kind.would_take`."""
    guesses = ((kind, kind.would_take(cells, separator, choices)) for kind in IN_ORDER_OF_GUESSING)
    return next((kind, why) for kind, why in guesses if why is not None)


def kind_of_targets(targets: Sequence[object], num_logits: int) -> Kind:
    """Return what labels are that are made for a model of `num_logits` logits which does not say it itself.

    Lists are 0 and 1 for each class; beside one logit 0 and 1 are two classes, and other numbers stand for themselves.
    """
    if any(isinstance(target, list | tuple) for target in targets):
        return MultiLabel()
    is_number = num_logits == 1 and not all(isinstance(target, int) and target in (0, 1) for target in targets)
    return Regression() if is_number else Classification()
