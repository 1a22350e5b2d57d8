"""Texts become the same tokens as with transformers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.exported import LACKING, make_folder, rows_of
from tests.support.saved import PAIR_TASK, TEXT_TASK

pytest.importorskip("headstart_runtime", reason=LACKING)

from headstart.artifacts.saved_model import SavedModel, load_model_folder
from headstart.data.examples import Split
from headstart.data.tokenisation import tokenize
from headstart.onnx_export.describe import describe
from headstart.tasks.task import Task
from headstart_runtime.errors import FolderError, InputError
from headstart_runtime.reader import Reader
from headstart_runtime.text_input import TextInput

LONG = " ".join(["the cat sees every small bird", "xyzzy", "and", "two quick red horses jump over it."] * 42)
INPUTS = ("input_ids", "token_type_ids", "attention_mask")


def reader_of(saved: SavedModel, folder: Path) -> Reader:
    return Reader((folder / "tokenizer.json").read_text(encoding="utf-8"), text_input(saved))


def text_input(saved: SavedModel, num_ids: int | None = None) -> TextInput:
    reads = describe(saved, INPUTS, num_ids, "fp32").reads
    assert isinstance(reads, TextInput)
    return reads


def long_rows(task: Task) -> Split:
    """Return rows of which some are of 600 words, with the long text at either place of a pair."""
    assert len(LONG.split()) > 580
    rows = rows_of(task).texts
    if len(task.text_columns) == 1:
        return Split(texts=(*rows, (LONG,), ("Straße, ÉCLAIR 中文 \U0001f600 [SEP] </s>",)))
    return Split(texts=(*rows, (LONG, "a dog"), ("a dog", LONG), ("the", "cat")))


@pytest.mark.parametrize("task", [TEXT_TASK, PAIR_TASK], ids=["text", "pair"])
@pytest.mark.parametrize("architecture", ["bert", "roberta"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_ids_are_those_of_transformers_however_texts_are_cut(
    architecture: str, task: Task, side: str, tmp_path: Path
) -> None:
    folder = make_folder(tmp_path, architecture=architecture, task=task, truncation_side=side)
    written = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    assert (written["truncation"], written["padding"]) == (None, None)
    saved, rows = load_model_folder(folder), long_rows(task)
    for truncation, stride in (("longest_first", 0), ("only_first", 0), ("head_tail", 0), ("window", 0), ("window", 3)):
        changed = with_truncation(saved, truncation, stride)
        wanted = tokenize(rows, saved.tokenizer, max_length=saved.info.max_length, truncation=truncation, stride=stride)
        tokens, counts = reader_of(changed, folder).read(list(map(list, zip(*rows.texts, strict=True))))
        assert [each.ids for each in tokens] == wanted.features["input_ids"], truncation
        assert counts == wanted.num_sequences
        assert max(len(each.ids) for each in tokens) == saved.info.max_length
        if "token_type_ids" in wanted.features:
            assert [each.type_ids for each in tokens] == wanted.features["token_type_ids"]


def with_truncation(saved: SavedModel, truncation: str, stride: int) -> SavedModel:
    return replace(saved, info=replace(saved.info, truncation=truncation, stride=stride))


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> tuple[SavedModel, Path]:
    folder = make_folder(tmp_path_factory.mktemp("single"))
    return load_model_folder(folder), folder


def test_special_tokens_that_a_text_writes_are_read_as_with_transformers(single: tuple[SavedModel, Path]) -> None:
    saved, folder = single
    text = "the cat [SEP] sees [MASK] a dog"
    found = []
    for splits in (False, True):
        saved.tokenizer.split_special_tokens = splits
        tokens, _ = reader_of(saved, folder).read([[text]])
        assert tokens[0].ids == saved.tokenizer(text)["input_ids"]
        found.append(tokens[0].ids)
    saved.tokenizer.split_special_tokens = False
    assert found[0] != found[1]


def test_a_second_text_that_leaves_windows_no_room_is_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, task=PAIR_TASK, truncation="window", stride=4)
    saved = load_model_folder(folder)
    with pytest.raises(InputError, match=r"texts\[0\].*no room"):
        reader_of(saved, folder).read([[LONG], [LONG]])


def test_a_token_without_a_vector_and_a_file_that_is_no_tokenizer_are_refused(single: tuple[SavedModel, Path]) -> None:
    saved, folder = single
    text = (folder / "tokenizer.json").read_text(encoding="utf-8")
    few = Reader(text, text_input(saved, 50))
    assert max(saved.tokenizer("the zero")["input_ids"]) >= 50
    with pytest.raises(InputError, match="vectors for 50 tokens"):
        few.read([["the zero"]])
    with pytest.raises(FolderError, match="cannot be read"):
        Reader("{}", text_input(saved))
