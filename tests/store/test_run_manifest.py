"""A run's files are held to what was written when its stages, and the run itself, were finished."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from headstart.errors import DamageError
from headstart.manifest import MANIFEST_FILE, Manifest, check_manifest
from headstart.store.layout import RunFolder
from headstart.store.local import LocalStore
from headstart.store.run_manifest import damaged_stage, finish_stage, require_whole_files
from tests.support.stores import make_record

RECORD = make_record(experiment="abc")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """Return a run of two finished stages, which is not finished itself."""
    store = LocalStore(tmp_path / "runs")
    store.mark()
    made = store.run_folder("abc", 0)
    for index, name in enumerate(("probe", "finetune")):
        made.stage_folder(index, name).mkdir(parents=True)
        (made.stage_folder(index, name) / "head.safetensors").write_bytes(b"weights of " + name.encode())
        if index == 1:
            made.predictions("test").write_bytes(b"answers")
        finish_stage(made, index, name, RECORD, is_last=index == 1)
    made.started_json.write_text("{}")
    return made


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def finish(folder: RunFolder) -> LocalStore:
    store = LocalStore(folder.folder.parent.parent)
    store.finish(RECORD)
    return store


def test_a_stage_has_its_files_and_the_last_one_the_predictions(folder: RunFolder) -> None:
    found = Manifest.read(folder.folder)
    assert found is not None
    assert sorted(found.files) == [
        "1-probe/head.safetensors",
        "1-probe/stage.json",
        "2-finetune/head.safetensors",
        "2-finetune/stage.json",
        "predictions.test.parquet",
    ]
    assert check_manifest(folder.folder) == []


def test_a_finished_run_has_every_file(folder: RunFolder) -> None:
    folder.failed_json.write_text("{}")
    finish(folder)
    assert Manifest.read(folder.folder) == Manifest.of(folder.folder)
    assert {"run.json", "started.json"} < set(Manifest.of(folder.folder).files)
    assert check_manifest(folder.folder) == []


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("1-probe/head.safetensors", [True, False]),
        ("1-probe/stage.json", [True, False]),
        ("2-finetune/stage.json", [False, True]),
        ("predictions.test.parquet", [False, True]),
        (MANIFEST_FILE, [True, True]),
    ],
)
def test_damage_of_a_stage_is_named(folder: RunFolder, file: str, stages: list[bool]) -> None:
    flip(folder.folder / file)
    found = [
        damaged_stage(folder, 0, "probe", is_last=False),
        damaged_stage(folder, 1, "finetune", is_last=True),
    ]
    assert [[each.file for each in one] for one in found] == [[folder.folder / file] if bad else [] for bad in stages]


def test_damage_is_not_taken_over_when_the_run_is_finished(folder: RunFolder) -> None:
    flip(folder.folder / "1-probe/head.safetensors")
    flip(folder.predictions("test"))
    finish(folder)
    assert {each.file for each in check_manifest(folder.folder)} == {
        folder.folder / "1-probe/head.safetensors",
        folder.predictions("test"),
    }


def test_a_stage_that_is_done_again_has_new_checksums(folder: RunFolder) -> None:
    flip(folder.folder / "1-probe/head.safetensors")
    finish_stage(folder, 0, "probe", RECORD, is_last=False)
    assert check_manifest(folder.folder) == []


def test_a_changed_digit_of_a_record_does_not_count(folder: RunFolder, caplog: pytest.LogCaptureFixture) -> None:
    store = finish(folder)
    assert store.records() == [RECORD]
    folder.run_json.write_text(folder.run_json.read_text().replace("0.75", "0.95"))
    with caplog.at_level(logging.WARNING):
        assert (store.records(), store.is_finished("abc", 0)) == ([], False)
    assert f"{folder.run_json}: its bytes changed; the run does not count" in caplog.text


def test_changed_predictions_of_a_finished_run_are_refused_with_the_way_on(folder: RunFolder) -> None:
    finish(folder)
    path = folder.predictions("test")
    require_whole_files(folder, [path, folder.run_json])
    flip(path)
    with pytest.raises(DamageError) as caught:
        require_whole_files(folder, [path])
    assert str(caught.value).splitlines() == [
        f"{path} is damaged: its bytes changed",
        f"  Remove {folder.folder} and call `headstart compare` as before: the run is done again.",
    ]


def test_a_run_of_an_older_headstart_has_nothing_to_be_held_to(folder: RunFolder) -> None:
    store = finish(folder)
    (folder.folder / MANIFEST_FILE).unlink()
    flip(folder.folder / "1-probe/head.safetensors")
    assert damaged_stage(folder, 0, "probe", is_last=False) == []
    assert store.records() == [RECORD]
