"""The checks fail when, and only when, something is not as declared."""

from __future__ import annotations

import pytest

from headstart.errors import InvariantError
from headstart.training.invariants import require_equal, require_trainable, require_unchanged


def test_equal_digests_pass() -> None:
    require_equal("backbone", {"a": "1", "b": "2"}, {"b": "2", "a": "1"})


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"a": "1"}, "missing: b"),
        ({"a": "1", "b": "2", "c": "3"}, "surplus: c"),
        ({"a": "1", "b": "9"}, "different: b"),
    ],
)
def test_any_difference_is_named(found: dict[str, str], message: str) -> None:
    with pytest.raises(InvariantError, match=message):
        require_equal("backbone", {"a": "1", "b": "2"}, found)


def test_only_allowed_tensors_may_change() -> None:
    require_unchanged("x", {"a": "1", "b": "2"}, {"a": "1", "b": "9"}, ["b"])
    with pytest.raises(InvariantError, match="different: a"):
        require_unchanged("x", {"a": "1", "b": "2"}, {"a": "8", "b": "9"}, ["b"])


def test_the_trainable_set_is_exact() -> None:
    require_trainable(["a"], ["a"])
    with pytest.raises(InvariantError, match="frozen: a; trainable: b"):
        require_trainable(["a"], ["b"])
