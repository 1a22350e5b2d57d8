"""A store that somebody else made, as a person meets it who exports from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.cli.conftest import Cli
from tests.support.runs import tiny_rows

CheckpointMaker = Callable[..., Path]


def test_a_recipe_may_compile_and_a_store_may_not(
    cli: Cli, tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compiler is stood in for: what counts is whether it was called."""
    compiled = list[nn.Module]()

    def compile_(model: nn.Module, *arguments: object, **options: object) -> nn.Module:
        compiled.append(model)
        return model

    monkeypatch.setattr(torch, "compile", compile_)
    rows = "".join(f"{text},{label}\n" for text, label in tiny_rows(24))
    (tmp_path / "rows.csv").write_text(f"text,label\n{rows}")
    (tmp_path / "recipe.yaml").write_text(
        f"file: rows.csv\nmodel: {tiny_checkpoint('bert')}\nstrategies: [finetune]\nsteps: 2\nbatch-size: 4\nseeds: 1\n"
        "max-length: 24\nprecision: fp32\ntrainer: torch_compile=true\nstore: runs\n"
    )
    code, _, err = cli("compare", "recipe.yaml", "-q")
    assert code == 0, err
    assert len(compiled) == 1
    (run,) = (tmp_path / "runs").glob("*/seed-0")
    code, _, err = cli("export", "runs", f"{run.parent.name}/0", "--out", "model", "-q")
    assert code == 2
    assert "sets `trainer` torch_compile=True" in err
    assert "headstart fit" in err
    assert cli("compare", "recipe.yaml", "-q")[0] == 0
    assert len(compiled) == 1
    assert not (tmp_path / "model").exists()
