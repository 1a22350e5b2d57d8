"""A model folder whose bits changed is refused, by the file's name, by whatever reads it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from headstart.artifacts.folder_checks import CARD_FILE, INFO_FILE, RUN_FILE
from headstart.artifacts.model_folder import save_model_folder
from headstart.artifacts.model_info import read_info
from headstart.artifacts.new_folder import new_folder
from headstart.artifacts.saved_model import folder_limits, load_model_folder
from headstart.errors import CheckpointError, DamageError
from headstart.inference.saved import load_saved_model
from headstart.manifest import COPY_AGAIN, MANIFEST_FILE, Manifest, check_manifest
from headstart.models.source import resolve_model
from tests.conftest import CheckpointMaker
from tests.support.records import run_record
from tests.support.saved import TEXT_TASK, logits_of, make_example, texts


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: CheckpointMaker) -> Path:
    """Return a whole model's folder, which is not to be changed."""
    folder = tmp_path_factory.mktemp("whole") / "model"
    example = make_example(tiny_checkpoint("bert"))
    save_model_folder(
        example.classifier, example.tokenizer, folder, info=example.info, record=run_record(), card="# A card\n"
    )
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return shutil.copytree(written, tmp_path / "model")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def test_a_new_folder_has_the_checksums_of_all_its_files(folder: Path) -> None:
    found = Manifest.read(folder)
    assert found == Manifest.of(folder)
    assert found is not None
    assert {"model.safetensors", "head.safetensors", "head.json", "config.json", INFO_FILE, RUN_FILE, CARD_FILE} < set(
        found.files
    )


def test_a_flipped_bit_in_any_file_that_a_model_is_read_from_is_named(written: Path, tmp_path: Path) -> None:
    names = sorted({path.name for path in written.iterdir()} - {CARD_FILE, RUN_FILE})
    for name in names:
        folder = shutil.copytree(written, tmp_path / name)
        flip(folder / name)
        with pytest.raises(DamageError) as caught:
            load_saved_model(folder)
        assert str(caught.value).splitlines()[0].startswith(f"{folder / name} is damaged: ")
        assert str(caught.value).endswith(COPY_AGAIN)


def test_weights_are_looked_at_only_where_they_are_read(folder: Path) -> None:
    flip(folder / "model.safetensors")
    read_info(folder)
    with pytest.raises(DamageError, match=r"model\.safetensors is damaged: its bytes changed"):
        load_model_folder(folder)
    with pytest.raises(DamageError, match=r"model\.safetensors is damaged: its bytes changed"):
        resolve_model(str(folder))


def test_what_people_read_may_be_edited(folder: Path) -> None:
    (folder / CARD_FILE).write_text("# My card\n")
    assert load_saved_model(folder).card == "# My card\n"
    assert [each.file for each in check_manifest(folder)] == [folder / CARD_FILE]


@pytest.mark.parametrize("is_copied_later", [lambda path: path.unlink(), lambda path: path.rename(path.with_name("x"))])
def test_a_half_copied_folder_is_no_model(folder: Path, is_copied_later: Callable[[Path], None]) -> None:
    is_copied_later(folder / MANIFEST_FILE)
    with pytest.raises(DamageError, match="still being written"):
        load_saved_model(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / INFO_FILE).unlink()
    with pytest.raises(DamageError, match=rf"{INFO_FILE} is damaged: it is missing"):
        load_saved_model(folder)


def test_a_folder_of_an_older_headstart_is_read_without(folder: Path) -> None:
    before = load_saved_model(folder)
    values = json.loads((folder / INFO_FILE).read_text())
    del values["has_checksums"]
    (folder / INFO_FILE).write_text(json.dumps(values))
    (folder / MANIFEST_FILE).unlink()
    split = texts(TEXT_TASK, num_rows=3)
    after = load_saved_model(folder)
    assert torch.equal(logits_of(after.model, after.tokenizer, split), logits_of(before.model, before.tokenizer, split))


def test_a_folder_gets_its_checksums_when_all_else_is_written(tmp_path: Path) -> None:
    with new_folder(tmp_path / "model") as temporary:
        (temporary / "inner").mkdir()
        (temporary / "inner" / "a.txt").write_text("a")
        assert not (temporary / MANIFEST_FILE).exists()
    assert Manifest.read(tmp_path / "model") == Manifest.of(tmp_path / "model")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda info: info["task"].update(labels=[str(number) for number in range(100_000)]), "has 3 classes, and"),
        (lambda info: info["task"].update(labels=["good", "bad"]), "has 3 classes, and headstart.json says 2"),
        (lambda info: info["task"]["labels"].reverse(), "has a class "),
        (lambda info: info["task"].update(kind="multi_label"), "s answers are "),
        (lambda info: info.update(head={"name": "mlp", "options": []}), "has no head of headstart, and headstart.json"),
        (lambda info: info.update(head={"name": "os:system", "options": []}), "has no head of headstart"),
    ],
)
def test_what_the_folder_says_fits_its_configuration(
    change: Callable[[dict[str, Any]], None], said: str, folder: Path
) -> None:
    """Checksums fit, as a stranger's would."""
    values = json.loads((folder / INFO_FILE).read_text())
    change(values["info"])
    (folder / INFO_FILE).write_text(json.dumps(values))
    Manifest.of(folder).write(folder)
    for read in (load_saved_model, folder_limits):
        with pytest.raises(DamageError, match=rf"config\.json is damaged: it ?{said}"):
            read(folder)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"max_length": 0}, "`max_length` is 1 or more"),
        ({"max_length": 10**400}, "`info.max_length` is larger"),
        ({"stride": 3}, "`stride` is that of windows"),
        ({"stride": -1, "truncation": "window"}, "`stride` is that of windows"),
        ({"task": {"name": "a", "text_columns": [], "labels": ["b"]}}, "a model reads one text or two"),
        ({"task": {"name": "a", "text_columns": ["t", "t"], "labels": ["b"]}}, "a model reads one text or two"),
        ({"seed": -1}, "a seed is a whole number"),
        ({"bf16": {"num_rows": 3, "num_changed": 4, "largest_difference": 0.0}}, "no rows can be answered so"),
        ({"bf16": {"num_rows": 3, "num_changed": 0, "largest_difference": -1.0}}, "no rows can be answered so"),
        ({"temperature": {"value": 0.0}}, "a temperature is above 0"),
        ({"temperature": {"value": 1.5, "num_rows": -1}}, "a temperature is above 0"),
    ],
)
def test_values_that_no_run_has_are_named_with_their_file(values: dict[str, Any], said: str, folder: Path) -> None:
    found = json.loads((folder / INFO_FILE).read_text())
    found["info"].update(values)
    (folder / INFO_FILE).write_text(json.dumps(found))
    Manifest.of(folder).write(folder)
    with pytest.raises(CheckpointError, match=rf"headstart\.json is damaged: .*{said}"):
        read_info(folder)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"num_attention_heads": 0}, r"cannot be built as config\.json says"),
        ({"intermediate_size": 24}, r"config\.json is damaged: it does not fit the weights: bert\.encoder"),
        ({"hidden_dropout_prob": 7.5}, r"cannot be built as config\.json says"),
    ],
)
def test_a_configuration_that_no_model_has_is_refused_in_a_sentence(
    values: dict[str, Any], said: str, folder: Path
) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    Manifest.of(folder).write(folder)
    with pytest.raises(CheckpointError, match=said):
        load_saved_model(folder)
