"""The checks around a stage, always on: what it starts from, and what it may change.

Digests are integer checksums per tensor (xxh3, 128 bits): exact equality for less than one percent of a run's time.
"""

from __future__ import annotations

from collections.abc import Iterable

from headstart.errors import InvariantError
from headstart.models.parameters import Digests

NUM_SHOWN = 8


def require_equal(what: str, expected: Digests, found: Digests) -> None:
    """Hold two sets of tensors to be the same, name by name and bit by bit.

    Raises:
        InvariantError: naming the tensors that are missing, surplus or different.
    """
    missing = sorted(set(expected) - set(found))
    surplus = sorted(set(found) - set(expected))
    different = sorted(name for name in set(expected) & set(found) if expected[name] != found[name])
    faults = [
        f"{label}: {_listed(names)}"
        for label, names in (("missing", missing), ("surplus", surplus), ("different", different))
        if names
    ]
    if faults:
        raise InvariantError(f"{what} is not what the stage declares; " + "; ".join(faults))


def require_unchanged(what: str, before: Digests, after: Digests, allowed: Iterable[str]) -> None:
    """Hold all tensors but the allowed ones to be bit-equal to before.

    Raises:
        InvariantError: naming what changed although the stage did not declare it.
    """
    free = set(allowed)
    require_equal(
        what,
        {name: digest for name, digest in before.items() if name not in free},
        {name: digest for name, digest in after.items() if name not in free},
    )


def require_trainable(declared: Iterable[str], found: Iterable[str]) -> None:
    """Hold the set of trainable parameters to be the declared one.

    Raises:
        InvariantError: naming parameters that are frozen but declared, or trainable but not declared.
    """
    declared_set, found_set = set(declared), set(found)
    frozen, loose = sorted(declared_set - found_set), sorted(found_set - declared_set)
    if frozen or loose:
        raise InvariantError(
            f"the trainable set is not the declared one; frozen: {_listed(frozen)}; trainable: {_listed(loose)}"
        )


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:NUM_SHOWN]) or "none"
    return shown if len(names) <= NUM_SHOWN else f"{shown} and {len(names) - NUM_SHOWN} more"
