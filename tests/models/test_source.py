from __future__ import annotations

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from headstart.errors import DamageError, UsageError
from headstart.manifest import write_manifest
from headstart.models.source import resolve_model, weight_files
from tests.conftest import CheckpointMaker
from tests.support.damage import DAMAGE


def test_a_folder_is_pinned_by_its_content_not_by_its_place(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    original = resolve_model(str(tiny_checkpoint("bert")))
    copy = resolve_model(str(shutil.copytree(original.path, tmp_path / "copy")))
    assert copy.path != original.path
    assert copy.revision == original.revision


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_changed_file_is_another_revision(name: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_checkpoint("bert"), tmp_path / "copy")
    before = resolve_model(str(folder)).revision
    content = bytearray((folder / name).read_bytes())
    content[-2] ^= 1
    (folder / name).write_bytes(content)
    assert resolve_model(str(folder)).revision != before


def test_what_the_model_does_not_read_is_no_part_of_its_revision(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_checkpoint("bert"), tmp_path / "copy")
    before = resolve_model(str(folder)).revision
    (folder / "run.json").write_text("{}")
    (folder / "README.md").write_text("a card")
    assert resolve_model(str(folder)).revision == before


@pytest.mark.parametrize("name", ["head.safetensors", "headstart.json"])
@pytest.mark.parametrize("change", ["flip", "remove", "folder"])
def test_a_folder_of_ours_is_held_to_its_checksums(
    change: str, name: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_checkpoint("bert"), tmp_path / "copy")
    (folder / "headstart.json").write_text("{}")
    shutil.copyfile(folder / "model.safetensors", folder / "head.safetensors")
    write_manifest(folder)
    assert [path.name for path in weight_files(resolve_model(str(folder)).path)] == ["model.safetensors"]
    DAMAGE[change](folder / name)
    with pytest.raises(DamageError, match=f"{re.escape(name)} is damaged: it"):
        resolve_model(str(folder))


def test_a_list_of_checksums_of_somebody_else_is_no_manifest(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_checkpoint("bert"), tmp_path / "copy")
    before = resolve_model(str(folder)).revision
    (folder / "checksums.json").write_text('{"model.safetensors": "0123"}')
    assert resolve_model(str(folder)).revision == before


def test_pickled_weights_are_refused(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_checkpoint("bert"), tmp_path / "copy")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UsageError, match="pickled weights only"):
        resolve_model(str(folder))


@pytest.mark.parametrize(
    ("files", "message"), [([], "has no config.json"), (["config.json"], "has no .safetensors file")]
)
def test_a_folder_without_a_model_is_a_mistake(files: list[str], message: str, tmp_path: Path) -> None:
    for name in files:
        (tmp_path / name).write_text("{}")
    with pytest.raises(UsageError, match=message):
        resolve_model(str(tmp_path))


@pytest.mark.parametrize("name", ["no/such/folder", "../gone", "has space", ""])
def test_what_is_neither_folder_nor_hub_id_is_a_mistake(name: str) -> None:
    with pytest.raises(UsageError, match="no model"):
        resolve_model(name)


def test_a_file_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"")
    with pytest.raises(UsageError, match="local folder, a hub id"):
        resolve_model(str(tmp_path / "weights.bin"))


def test_an_unknown_embedded_model_gets_a_guess() -> None:
    with pytest.raises(UsageError, match="did you mean 'embedded:minilm-l6'"):
        resolve_model("embedded:minilm")


class _Hub:
    """Stands for the hub: answers with a folder or an error, and remembers what it was asked for."""

    def __init__(self, answer: Path | Exception) -> None:
        self.answer = answer
        self.asked: dict[str, object] = {}

    def __call__(self, repository: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        self.asked = {"repository": repository, "revision": revision, "patterns": allow_patterns}
        if isinstance(self.answer, Exception):
            raise self.answer
        return str(self.answer)


def test_a_hub_model_is_pinned_by_its_commit_and_no_code_or_pickle_is_fetched(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
    hub = _Hub(shutil.copytree(tiny_checkpoint("bert"), tmp_path / commit))
    monkeypatch.setattr("huggingface_hub.snapshot_download", hub)
    source = resolve_model("someone/bert", revision="main")
    assert source.revision == commit
    assert (hub.asked["repository"], hub.asked["revision"]) == ("someone/bert", "main")
    patterns = hub.asked["patterns"]
    assert isinstance(patterns, list)
    assert not any(Path(name).match(pattern) for pattern in patterns for name in ("modeling.py", "pytorch_model.bin"))


ANSWER_404 = SimpleNamespace(headers={}, request=None, status_code=404)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (GatedRepoError("403", response=ANSWER_404), "is gated"),
        (RevisionNotFoundError("404", response=ANSWER_404), "has no revision 'v9'"),
        (HFValidationError("bad name"), "neither a local folder nor on the hub"),
        (RepositoryNotFoundError("404", response=ANSWER_404), "neither a local folder nor on the hub"),
        (LocalEntryNotFoundError("offline"), "the hub could not be reached"),
        (ConnectionError("no route"), "the hub could not be reached"),
    ],
)
def test_what_the_hub_cannot_give_is_said_in_words(
    answer: Exception, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.snapshot_download", _Hub(answer))
    with pytest.raises(UsageError, match=message):
        resolve_model("someone/bert", revision="v9")


@pytest.mark.parametrize("target", ["/dev/zero", "nowhere"])
def test_what_is_no_file_is_named_and_never_opened(
    target: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_checkpoint("bert"), tmp_path / "copy")
    (folder / "tokenizer_config.json").unlink()
    (folder / "tokenizer_config.json").symlink_to(target)
    with pytest.raises(DamageError, match=r"tokenizer_config\.json is damaged"):
        resolve_model(str(folder))
