"""A tokenizer's files are held to bounds before one is made; published ones are far within them."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headstart.errors import CheckpointError, UsageError
from headstart.models import tokenizer_bounds
from headstart.models.loading import load_tokenizer
from headstart.models.source import resolve_model
from headstart.models.tokenizer_bounds import require_bounded_tokenizer
from tests.conftest import CheckpointMaker
from tests.support.trap import copy_of

DOUBLE = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "x", "type_id": 0}}] * 100 + [{"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"x": {"id": "x", "ids": [1] * 100, "tokens": ["x"] * 100}},
}


def split(pattern: str) -> dict[str, object]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def token(number: int) -> dict[str, object]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    return {"id": number, "content": f"<{number}>", **flags}


def charsmap(text: bytes) -> dict[str, str]:
    packed = (8).to_bytes(4, "little") + bytes(8) + b"short\0" + text + b"\0"
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(packed).decode()}


HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "a text that doubles": (
        {"normalizer": {"type": "Sequence", "normalizers": [DOUBLE] * 40}},
        "the times by which the normalizer may lengthen a text are 1,099,511,627,776",
    ),
    "sequences in one another": (
        {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Sequence", "normalizers": [DOUBLE] * 40}]}},
        "the times by which the normalizer may lengthen",
    ),
    "nothing replaced by much": (
        {"normalizer": {"type": "Replace", "pattern": {"Regex": ""}, "content": "x" * 2000}},
        "the times by which the normalizer may lengthen a text are 2,001",
    ),
    "a character that means a book": (
        {"normalizer": charsmap(b"x" * 5000)},
        "the times by which the normalizer may lengthen a text are 5,000",
    ),
    "a huge expression": ({"pre_tokenizer": split("|".join(map(str, range(5000))))}, "of an expression of the pre_tok"),
    "many tokens around": ({"post_processor": TEMPLATE}, "the tokens that are put around a text are 10,000"),
    "endless padding": (
        {"padding": {"strategy": {"Fixed": 10**9}}},
        "the tokens that a text is padded to are 1,000,000",
    ),
    "many added tokens": ({"added_tokens": [token(i) for i in range(101)]}, "the number of added tokens is 101"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_tokenizer_that_asks_for_too_much_is_refused_before_one_is_made(
    name: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenizer_bounds, "MOST_ADDED_TOKENS", 100)
    changes, said = HOSTILE[name]
    folder = copy_of(tiny_checkpoint("bert"), tmp_path / "m")
    values = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(values | changes))
    with pytest.raises(UsageError, match=said) as error:
        load_tokenizer(resolve_model(str(folder)))
    assert str(folder / "tokenizer.json") in str(error.value)


def test_many_words_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tokenizer.json"
    for vocabulary in ({str(k): k for k in range(11)}, [[str(k), 0.0] for k in range(11)]):
        path.write_text(json.dumps({"model": {"vocab": vocabulary}}))
        require_bounded_tokenizer(tmp_path)
        with monkeypatch.context() as less:
            less.setattr(tokenizer_bounds, "MOST_TOKENS", 10)
            with pytest.raises(UsageError, match="the number of words is 11"):
                require_bounded_tokenizer(tmp_path)


@pytest.mark.parametrize("name", ["tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "spiece.model"])
@pytest.mark.parametrize(
    ("put", "said"),
    [
        (lambda path: (path.touch(), os.truncate(path, 1 << 40)), "at most 134,217,728 are read"),
        (lambda path: path.symlink_to("/dev/zero"), "it should be a file"),
    ],
)
def test_files_without_end_are_not_read(name: str, put: Callable[[Path], object], said: str, tmp_path: Path) -> None:
    put(tmp_path / name)
    with pytest.raises(CheckpointError, match=said) as error:
        require_bounded_tokenizer(tmp_path)
    assert str(tmp_path / name) in str(error.value)


@pytest.mark.parametrize("architecture", ["bert", "roberta", "deberta-v2"])
def test_tokenizers_as_they_are_saved_are_taken(architecture: str, tiny_checkpoint: CheckpointMaker) -> None:
    require_bounded_tokenizer(tiny_checkpoint(architecture))
