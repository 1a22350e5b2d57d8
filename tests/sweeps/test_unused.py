"""What no record of a store names is found and removed, and nothing else."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from headstart.atomic_files import write_json, write_text
from headstart.manifest import FileMark, Manifest
from headstart.store.json_records import write_record
from headstart.store.layout import RunFolder
from headstart.store.local import LocalStore
from headstart.store.run_manifest import finish_run
from headstart.sweeps.unused import UNFINISHED, find_unused, remove_unused
from headstart.temporary import QUIET_SECONDS
from tests.support.records import run_record

DEAD = ".tmp-{machine}.1.1-00000000-model"


def age(path: Path) -> None:
    """Say that nothing of a file or folder was written for more than a day."""
    long_ago = time.time() - QUIET_SECONDS - 60
    for each in (*path.rglob("*"), path):
        os.utime(each, (long_ago, long_ago))


def finished(store: LocalStore, digest: str, seed: int = 0) -> RunFolder:
    run = store.run_folder(digest, seed)
    write_text(run.stage_json(0, "finetune"), "{}\n")
    write_text(run.lock_file, "")
    finish_run(run, run_record(digest, seed))
    return run


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = LocalStore(tmp_path / "runs")
    store.mark()
    finished(store, "abc")
    write_json(store.experiment_json("abc"), {"source": {"stored_rows": "elsewhere/rows/used"}})
    write_text(store.root / "rows" / "used" / "task.json", "{}")
    age(store.root)
    return store


def listed(store: LocalStore, **options: bool) -> dict[str, str]:
    return {each.path.relative_to(store.root).as_posix(): each.why for each in find_unused(store, **options)}


def test_a_store_of_finished_runs_has_nothing_unused(store: LocalStore) -> None:
    assert listed(store, unfinished=True) == {}


def test_what_a_record_does_not_name_is_found_and_removed(store: LocalStore, tmp_path: Path) -> None:
    run = store.run_folder("abc", 0).folder
    write_text(run / "1-finetune" / "checkpoint-3" / "optimizer.pt", "12345")
    write_text(run / "notes.txt", "1234567")
    write_text(run / "1-finetune" / DEAD.format(machine="00000000"), "half")
    write_text(store.root / "rows" / "unused" / "task.json", "{}")
    write_json(store.experiment_json("def"), {"source": {"stored_rows": None}})
    age(store.root)
    before = {path.name for path in run.rglob("*")}
    expected = {
        "abc/seed-0/1-finetune/.tmp-00000000.1.1-00000000-model": "a process that is dead was writing it",
        "abc/seed-0/1-finetune/checkpoint-3/optimizer.pt": "a checkpoint of a finished run",
        "abc/seed-0/notes.txt": "the record of its run does not name it",
        "def": "an experiment without a run",
        "rows/unused": "rows that no experiment reads",
    }
    assert listed(store) == expected
    assert {path.name for path in run.rglob("*")} == before, "listing removes nothing"
    found = find_unused(store)
    assert {each.path.name: each.num_bytes for each in found}["notes.txt"] == 7
    assert remove_unused(store, found) == found
    assert listed(store) == {}
    assert store.is_finished("abc", 0)
    assert (store.root / "rows" / "used" / "task.json").exists()


def test_what_was_written_a_moment_ago_may_be_of_a_run_that_comes(store: LocalStore) -> None:
    write_text(store.root / "rows" / "new" / "task.json", "{}")
    write_json(store.experiment_json("new"), {"source": {"stored_rows": None}})
    assert listed(store) == {}


def test_rows_stay_while_an_experiment_cannot_be_read(store: LocalStore) -> None:
    write_text(store.root / "rows" / "whose" / "task.json", "{}")
    store.experiment_json("abc").write_text("{")
    age(store.root)
    assert listed(store) == {}


def test_unfinished_runs_are_kept_unless_they_are_meant(store: LocalStore) -> None:
    begun, failed = store.run_folder("abc", 1), store.run_folder("abc", 2)
    write_text(begun.started_json, "{}")
    write_record(failed.failed_json, run_record("abc", 2))
    assert listed(store) == {}
    assert listed(store, unfinished=True) == {"abc/seed-1": UNFINISHED}
    found = find_unused(store, unfinished=True)
    with store.claim("abc", 1):
        assert remove_unused(LocalStore(store.root), found) == []
        assert begun.started_json.exists(), "a living process works on it"
    assert remove_unused(store, found) == found
    assert not begun.folder.exists()


@pytest.mark.parametrize("lost", [False, True])
def test_rows_stay_where_an_experiment_that_reads_them_is_damaged(store: LocalStore, lost: bool) -> None:
    """A changed digit of the name of its rows is still a name: only its checksum tells."""
    path = store.experiment_json("abc")
    Manifest({path.name: FileMark.of(path)}).write(path.parent)
    write_text(store.root / "rows" / "whose" / "task.json", "{}")
    age(store.root)
    assert listed(store) == {"rows/whose": "rows that no experiment reads"}
    path.write_text(path.read_text().replace("rows/used", "rows/usee"))
    if lost:
        path.unlink()
    age(store.root)
    assert listed(store) == {}


@pytest.mark.parametrize("where", ["rows", "rows/x", "linked", "linked/seed-0", "abc/seed-7", ".tmp-x"])
def test_what_a_link_leads_to_is_not_the_stores(store: LocalStore, where: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    for name in ("task.json", "experiment.json", "run.json", "notes/notes.txt", "checkpoint-1/optimizer.pt"):
        write_text(outside / name, "{}")
    write_text(outside / "seed-0" / "notes.txt", "{}")
    before = sorted(outside.rglob("*"))
    if where == "rows":
        shutil.rmtree(store.root / "rows")
    link = store.root / where
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside)
    age(outside)
    os.utime(link, (0, 0), follow_symlinks=False)
    found = find_unused(store, unfinished=True)
    assert not [each for each in found if each.path != link]
    remove_unused(store, found)
    assert sorted(outside.rglob("*")) == before
