"""`verify` finds every changed byte of a store, a run and a model folder, names its file and changes nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.errors import CheckpointError, DamageError, UsageError
from headstart.experiments.experiment import Run
from headstart.experiments.run_data import RunData
from headstart.manifest import MANIFEST_FILE, Manifest, file_names
from headstart.search.asked import Asked
from headstart.search.decisions import write_decision
from headstart.store.declared import DeclaredAxis, DeclaredLooks, declare_axis, declare_looks, with_declared
from headstart.store.layout import ASKED_FILE
from headstart.store.local import LocalStore
from headstart.sweeps.export import export_run
from headstart.sweeps.serial import SerialExecutor
from headstart.sweeps.stored_runs import find_run
from headstart.sweeps.verify import MODEL, RUN, STORE, Verification, renew_checksums, verify
from headstart.training.config import RunOptions
from tests.conftest import CheckpointMaker
from tests.support.runs import SOURCE, tiny_choices, tiny_experiment


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: CheckpointMaker) -> Path:
    """Return a folder with a store of one run of two stages, and the run as a model folder; not to be changed."""
    root = tmp_path_factory.mktemp("made")
    run = Run(tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "lp_ft", steps=4)), 0, SOURCE)
    store = LocalStore(root / "store")
    executor = SerialExecutor(store, RunOptions(keep_backbone=True))
    executor.execute([run])
    export_run(RunData.of(run, executor.cache), store, root / "model", executor)
    return root


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "copy")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run_of(store: Path) -> Path:
    (found,) = store.glob("*/seed-0")
    return found


def test_whole_ones_are_whole_and_stay_as_they_are(copy: Path) -> None:
    before = snapshot(copy)
    run = run_of(copy / "store")
    for path, kind in ((copy / "store", STORE), (run, RUN), (copy / "model", MODEL)):
        seen: list[int] = []
        found = verify(path, seen.append)
        assert (found.kind, found.damages, found.without_checksums) == (kind, (), ())
        assert found.num_bytes == sum(seen)
    assert found.num_files == len(list(file_names(copy / "model")))
    assert verify(copy / "store").num_files == len(list(file_names(run))) + 1, "experiment.json"
    assert snapshot(copy) == before


def test_a_flipped_bit_in_any_file_is_named(copy: Path) -> None:
    store, model = copy / "store", copy / "model"
    files = [path for folder in (store, model) for path in sorted(folder.rglob("*")) if path.is_file()]
    checked = [path for path in files if path.name not in ("store.json", ".lock")]
    assert {"run.json", "stage.json", "started.json", "experiment.json", "head.safetensors", MANIFEST_FILE} < {
        path.name for path in checked
    }
    for path in checked:
        before = path.read_bytes()
        flip(path)
        assert path in {damage.file for damage in verify(store if store in path.parents else model).damages}
        path.write_bytes(before)
    assert verify(store).damages == verify(model).damages == ()


def test_a_record_of_another_place_is_named(copy: Path) -> None:
    run = run_of(copy / "store")
    moved = run.with_name("seed-1")
    shutil.copytree(run, moved)
    (found,) = verify(copy / "store").damages
    assert (found.file, found.what) == (moved / "run.json", "it is a record of another seed, 0")


def leave_unfinished(run: Path) -> None:
    """Leave what a call leaves that was killed before the run was finished."""
    (run / "run.json").unlink()
    written = Manifest.read(run)
    assert written is not None
    Manifest({name: mark for name, mark in written.files.items() if "/" in name or "predictions" in name}).write(run)


def leave_a_stage_unfinished(run: Path) -> None:
    leave_unfinished(run)
    (run / "2-finetune" / "stage.json").unlink()
    flip(run / "2-finetune" / "metrics.jsonl")


def test_a_record_that_is_gone_is_named(copy: Path) -> None:
    run = run_of(copy / "store")
    (run / "run.json").unlink()
    (found,) = verify(copy / "store").damages
    assert (found.file, found.what) == (run / "run.json", "it is missing")
    assert LocalStore(copy / "store").read()[1].runs[0].damages == (found,)


def test_so_is_that_of_a_stage_of_a_finished_run(copy: Path) -> None:
    gone = run_of(copy / "store") / "1-probe" / "stage.json"
    gone.unlink()
    (found,) = verify(copy / "store").damages
    assert (found.file, found.what) == (gone, "it is missing")


def test_lost_checksums_of_an_experiment_are_said(copy: Path) -> None:
    experiment = run_of(copy / "store").parent
    (experiment / MANIFEST_FILE).unlink()
    assert verify(copy / "store").without_checksums == (experiment,)


def test_lost_checksums_of_a_search_are_said(copy: Path) -> None:
    write_decision(copy / "store" / ASKED_FILE, Asked(rows="a", model="b", options={}))
    found = verify(copy / "store")
    assert (found.damages, found.without_checksums) == ((), ())
    (copy / "store" / MANIFEST_FILE).unlink()
    assert verify(copy / "store").without_checksums == (copy / "store",)


@pytest.mark.parametrize("kill", [leave_unfinished, leave_a_stage_unfinished])
def test_an_unfinished_run_is_no_damage_but_its_finished_stages_are_checked(
    copy: Path, kill: Callable[[Path], None]
) -> None:
    run = run_of(copy / "store")
    kill(run)
    assert verify(copy / "store").damages == ()
    flip(run / "1-probe" / "head.safetensors")
    assert [damage.file for damage in verify(copy / "store").damages] == [run / "1-probe" / "head.safetensors"]


def test_what_an_older_headstart_wrote_is_said_and_nothing_more(copy: Path) -> None:
    for path in copy.rglob(MANIFEST_FILE):
        path.unlink()
    info = copy / "model" / "headstart.json"
    info.write_text(json.dumps({k: v for k, v in json.loads(info.read_text()).items() if k != "has_checksums"}))
    assert verify(copy / "store") == Verification(
        kind=STORE, num_files=0, num_bytes=0, damages=(), without_checksums=(run_of(copy / "store"),)
    )
    assert verify(copy / "model").without_checksums == (copy / "model",)


def test_half_a_model_folder_is_damage(copy: Path) -> None:
    (copy / "model" / MANIFEST_FILE).unlink()
    (found,) = verify(copy / "model").damages
    assert found.file == copy / "model" / MANIFEST_FILE


def test_a_change_of_ones_own_is_taken_up(copy: Path) -> None:
    (copy / "model" / "README.md").write_text("Mine.")
    assert verify(copy / "model").damages
    renew_checksums(copy / "model")
    assert not verify(copy / "model").damages
    with pytest.raises(UsageError, match="is a store"):
        renew_checksums(copy / "store")


@pytest.mark.parametrize("name", [".", "store/store.json", "gone"])
def test_anything_else_is_refused(copy: Path, name: str) -> None:
    with pytest.raises(UsageError):
        verify(copy / name)


def test_a_stage_that_is_damaged_is_done_again(copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Of an unfinished run: the same bits come out, and all is whole again, whatever files have become."""
    store, run = LocalStore(copy / "store"), run_of(copy / "store")
    before = snapshot(run)
    leave_unfinished(run)
    flip(run / "1-probe" / "head.safetensors")
    for path, make in ((run / "1-probe" / "metrics.jsonl", os.mkfifo), (run / "2-finetune" / "stage.json", os.mkdir)):
        path.unlink()
        make(path)
    SerialExecutor(store, RunOptions(keep_backbone=True)).execute([find_run(store, f"{run.parent.name}/0")])
    assert f"{run / '1-probe' / 'head.safetensors'}: its bytes changed; the stage is done again" in caplog.text
    assert verify(store.root).damages == ()
    after = snapshot(run)
    assert {name for name in before if before[name] == after[name]} >= {
        name for name in before if name.endswith((".safetensors", ".parquet"))
    }


@pytest.mark.parametrize(
    ("file", "has_checksums"),
    [
        ("2-finetune/head.safetensors", True),
        ("2-finetune/stage.json", True),
        ("predictions.validation.parquet", True),
        ("2-finetune/head.safetensors", False),
        ("2-finetune/backbone.safetensors", False),
    ],
)
def test_a_damaged_run_is_not_exported(copy: Path, tmp_path: Path, file: str, has_checksums: bool) -> None:
    """Without checksums the digests of tensors in the stage's record still find changed weights."""
    store, run = LocalStore(copy / "store"), run_of(copy / "store")
    if not has_checksums:
        (run / MANIFEST_FILE).unlink()
    path = run / file
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    found = find_run(store, f"{run.parent.name}/0")
    executor = SerialExecutor(store)
    with pytest.raises(CheckpointError, match=file) as caught:
        export_run(RunData.of(found, executor.cache), store, tmp_path / "out", executor)
    assert isinstance(caught.value, DamageError)
    assert not (tmp_path / "out").exists()


def test_what_was_declared_is_checked(copy: Path) -> None:
    store, run = LocalStore(copy / "store"), run_of(copy / "store")
    digest = run.parent.name
    looks = DeclaredLooks(baseline_digest="b" * 32, looks=(6, 7), confidence=0.95, narrower_than=None)
    declare_looks(store, digest, looks)
    axis = DeclaredAxis(axis="max_length", value="64", values=("64", "128"))
    declare_axis(store, digest, axis)
    record = store.record(digest, 0)
    assert record is not None
    store.finish(replace(with_declared(store, record), varied=str(axis)))
    assert verify(store.root).damages == ()
    for name, old, new in (("looks.json", "0.95", "0.94"), ("varied.json", "128", "129"), ("varied.json", "{", "")):
        path = run.parent / name
        whole = path.read_text()
        path.write_text(whole.replace(old, new, 1))
        assert [damage.file for damage in verify(store.root).damages] == [path]
        path.unlink()
        assert [damage.file for damage in verify(store.root).damages] == [path]
        path.write_text(whole)
