"""Stores and models that somebody else made, as a person meets them who uses them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import headstart
from headstart.artifacts.model_folder import save_model_folder
from headstart.errors import UsageError
from tests.cli.conftest import Cli
from tests.support.runs import tiny_rows
from tests.support.saved import make_example
from tests.support.trap import copy_of, edit

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


@pytest.mark.parametrize("head", ["native", "linear"])
def test_quantised_weights_end_every_verb_in_a_sentence(
    head: str, cli: Cli, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """transformers would look for a package of the method's, or fail on a method that it does not know."""
    example = make_example(tiny_checkpoint("bert"), head=head)
    model = tmp_path / "model"
    save_model_folder(example.classifier, example.tokenizer, model, info=example.info)
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"quantization_config": {"quant_method": "strange"}}))
    cli("verify", model, "--renew")
    (tmp_path / "rows.csv").write_text("text,verdict\n" + "a good film,good\na bad film,bad\n" * 20)
    calls = (
        ("predict", model, "rows.csv", "--out", "out.csv"),
        ("evaluate", model, "rows.csv"),
        ("doctor", model),
        ("inspect", "rows.csv", "--label", "verdict", "--model", model),
        ("fit", "rows.csv", "--label", "verdict", "--model", model, "--out", "new"),
        ("compare", "rows.csv", "--label", "verdict", "--model", model, "--store", "new"),
    )
    for call in calls:
        code, _, err = cli(*call)
        assert code == 2, call
        assert "are quantised by 'strange'" in err
        assert "Give the model that was quantised" in err
    with pytest.raises(UsageError, match="are quantised by 'strange'"):
        headstart.load(model)
    assert {path.name for path in tmp_path.iterdir()} == {"model", "rows.csv"}


def test_an_expression_without_an_end_ends_in_a_sentence(
    cli: Cli, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """The library that looks for it gives up after ten million steps, with what is no `Exception` in Python."""
    model = copy_of(tiny_checkpoint("bert"), tmp_path / "model")
    endless = {"type": "Split", "pattern": {"Regex": r"(.|.|.|.|.)+[^\s\S]"}, "behavior": "Isolated", "invert": False}
    edit(model / "tokenizer.json", pre_tokenizer=endless)
    code, _, err = cli("doctor", "model")
    assert code == 2, err
    assert "retry-limit-in-match" in err
    assert "Take the model" in err
