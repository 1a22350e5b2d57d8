"""A recipe of any content is read within bounds or refused in a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from headstart.cli.recipe import _read
from headstart.errors import UsageError

ALIASES = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + number)}: &{chr(98 + number)} [{','.join(['*' + chr(97 + number)] * 9)}]\n" for number in range(9)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: " + "[" * 50_000, "nested too deeply"),
        (ALIASES, "holds 4,412,961,516 values"),
        ("a: " + "a," * 700_000, "at most 1,048,576 are read"),
        ("a: !!python/object/apply:os.system [x]", "is not YAML"),
        ("a: &x [b]\nc: *x", ""),
    ],
)
def test_a_recipe_out_of_bounds_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(text)
    if not said:
        assert _read(path) == {"a": ["b"], "c": ["b"]}
        return
    with pytest.raises(UsageError, match=said):
        _read(path)


def test_a_pipe_is_no_recipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "r.yaml")
    with pytest.raises(UsageError, match="no such recipe"):
        _read(tmp_path / "r.yaml")
