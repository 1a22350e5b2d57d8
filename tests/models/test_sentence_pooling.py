"""What folders of sentence-transformers say of the vector of a text, in the old form and in that of release 6."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headstart.errors import CheckpointError
from headstart.models.pooling import Pooling
from headstart.models.sentence_pooling import SentencePooling, as_checkpoint_says, sentence_pooling
from headstart.models.source import ModelSource, resolve_model
from headstart.registry import Spec
from tests.support.runs import tiny_choices, tiny_experiment

CheckpointMaker = Callable[..., Path]
OLD, NEW = "sentence_transformers.models", "sentence_transformers.sentence_transformer.modules"
"""Where the classes of modules stood up to release 5, and where they stand from release 6 on."""


def write(folder: Path, pooling: Any, *following: str, package: str = OLD, at: str = "1_Pooling") -> Path:
    """Write what sentence-transformers writes beside a model."""
    names = ["Transformer", "Pooling", *following]
    paths = ["", at, *(f"{number}_{name}" for number, name in enumerate(following, 2))]
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"{package}.{name}"}
        for number, (name, path) in enumerate(zip(names, paths, strict=True))
    ]
    folder.mkdir(exist_ok=True)
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / at).mkdir(exist_ok=True, parents=True)
    (folder / at / "config.json").write_text(json.dumps(pooling))
    return folder


def flags(*true: str) -> dict[str, Any]:
    """Return a pooling module's file as releases up to 5 write it."""
    names = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken")
    modes = {f"pooling_mode_{name}": name in true for name in names}
    return {"word_embedding_dimension": 32, **modes, "include_prompt": True}


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        (flags("mean_tokens"), "mean"),
        (flags("cls_token"), "first"),
        (flags("lasttoken"), "last"),
        (flags("mean_tokens", "max_tokens", "cls_token"), "first+max+mean"),
        (flags("lasttoken", "weightedmean_tokens", "mean_sqrt_len_tokens"), "mean_sqrt+weighted_mean+last"),
        (flags(), "mean"),
        ({"embedding_dimension": 32, "pooling_mode": "cls"}, "first"),
        ({"embedding_dimension": 32, "pooling_mode": "weightedmean"}, "weighted_mean"),
        ({"embedding_dimension": 32, "pooling_mode": ["mean", "max"]}, "mean+max"),
        ({"embedding_dimension": 32}, "mean"),
    ],
)
def test_both_forms_are_read(pooling: dict[str, Any], expected: str, tmp_path: Path) -> None:
    for package in (OLD, NEW):
        said = sentence_pooling(write(tmp_path, pooling, package=package))
        assert said is not None
        assert said.option == expected


def test_what_follows_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path, flags("mean_tokens"), "Dense", "Normalize")
    assert sentence_pooling(folder) == SentencePooling(poolings=(Pooling.MEAN,), following=("Dense", "Normalize"))


def test_a_folder_without_a_pooling_module_says_nothing(tmp_path: Path) -> None:
    assert sentence_pooling(tmp_path) is None
    (tmp_path / "modules.json").write_text('[{"path": "", "type": "sentence_transformers.models.StaticEmbedding"}]')
    assert sentence_pooling(tmp_path) is None


def test_no_file_outside_the_folder_is_read(tmp_path: Path) -> None:
    assert sentence_pooling(write(tmp_path / "model", flags("mean_tokens"), at="../outside")) is None


@pytest.mark.parametrize(
    ("pooling", "message"),
    [({"pooling_mode": "attention"}, "unknown here: 'attention'"), ([1], "not an object")],
)
def test_what_cannot_be_understood_is_said(pooling: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        sentence_pooling(write(tmp_path, pooling))
    (tmp_path / "modules.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"modules\.json is damaged"):
        sentence_pooling(tmp_path)


@pytest.fixture
def folder(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> Path:
    """Return a tiny encoder that says that its vector is the mean."""
    shutil.copytree(tiny_checkpoint("bert"), tmp_path / "encoder")
    return write(tmp_path / "encoder", flags("mean_tokens"))


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("linear", "linear:pooling=mean"),
        ("linear:pooling=auto", "linear:pooling=mean"),
        ("mlp:hidden_size=8", "mlp:hidden_size=8:pooling=mean"),
        ("linear:pooling=first", "linear:pooling=first"),
        ("native", "native"),
    ],
)
def test_what_nobody_says_the_checkpoint_decides(head: str, expected: str, folder: Path) -> None:
    assert as_checkpoint_says(Spec.parse(head), resolve_model(str(folder))) == Spec.parse(expected)
    experiment = tiny_experiment(tiny_choices(folder, "finetune", head=Spec.parse(head)))
    assert experiment.head == Spec.parse(expected)


def test_a_head_stays_as_it_was_where_the_checkpoint_says_what_the_architecture_says(
    tiny_checkpoint: CheckpointMaker, folder: Path
) -> None:
    linear, plain = Spec("linear"), resolve_model(str(tiny_checkpoint("bert")))
    assert as_checkpoint_says(linear, plain) == linear
    write(folder, flags("cls_token"))
    assert as_checkpoint_says(linear, ModelSource(name="x", path=folder, revision="")) == linear
