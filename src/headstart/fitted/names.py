"""The ways to fit a head by name, and which of them suit a kind of answer. Loads nothing heavy."""

from __future__ import annotations

from headstart.errors import UsageError, unknown_name
from headstart.kinds.kind import Kind

AUTO, LOGISTIC, RIDGE, LDA = "auto", "logistic", "ridge", "lda"
METHODS = (LOGISTIC, RIDGE, LDA)


def methods_for(kind: Kind) -> tuple[str, ...]:
    """Return the methods that fit heads for a kind, the usual one first; none where each row brings choices."""
    if kind.has_choices:
        return ()
    if not kind.has_classes:
        return (RIDGE,)
    return (LOGISTIC, RIDGE) if kind.takes_several else METHODS


def method_for(kind: Kind, name: str = AUTO) -> str:
    """Return the method that a name means for a kind; "auto" is the usual one.

    Raises:
        UsageError: if the method is unknown or does not fit heads for this kind.
    """
    if name not in (AUTO, *METHODS):
        raise unknown_name("way to fit a head", name, (AUTO, *METHODS))
    allowed = methods_for(kind)
    if not allowed:
        raise UsageError(
            "a head for choices of each row cannot be fitted", remedy="  Train it: leave fit out of the strategy."
        )
    if name == AUTO:
        return allowed[0]
    if name not in allowed:
        raise UsageError(
            f"fit={name} does not suit a task of the kind {kind}", allowed=f"  It is one of: {', '.join(allowed)}."
        )
    return name
