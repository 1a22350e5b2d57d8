"""Damage in a run that is not finished costs the stage or the run, and nothing else; a finished store is only read."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from headstart.atomic_files import remove
from headstart.errors import DamageError
from headstart.experiments.experiment import Run, TaskSource
from headstart.experiments.stage_run import StageRun
from headstart.manifest import FileMark, Manifest
from headstart.store.local import LocalStore
from headstart.store.record import RunStatus
from headstart.sweeps.executor import Event, SweepEvent
from headstart.sweeps.fitting import way_on
from headstart.sweeps.serial import SerialExecutor
from headstart.sweeps.stored_runs import find_run
from headstart.sweeps.verify import verify
from headstart.training.config import RunOptions
from tests.support.runs import SOURCE, tiny_choices, tiny_experiment, tiny_rows
from tests.support.stores import fail, make_record
from tests.sweeps.test_resume import contents

CheckpointMaker = Callable[..., Path]
OPTIONS = RunOptions(keep_backbone=True)
HEAD, STAGE, LOG = "1-adapter/head.safetensors", "1-adapter/stage.json", "2-finetune/metrics.jsonl"
FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.utime", "os.chmod")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


def folder_instead(path: Path) -> None:
    remove(path)
    path.mkdir()
    (path / "thing").write_text("of somebody")


def pipe_instead(path: Path) -> None:
    remove(path)
    os.mkfifo(path)


def vouched_for(path: Path) -> None:
    """Make it another experiment that says itself which digest it has, with checksums that fit."""
    values = json.loads(path.read_text())
    values["experiment"]["training"]["batch_size"] += 1
    values["experiment"]["recorded_digest"] = path.parent.name
    path.write_text(json.dumps(values))
    Manifest({path.name: FileMark.of(path)}).write(path.parent)


def foreign_log(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"step": "one"}\n[1]\n{"step": 2, "seconds": "long"}\n{"step": 1}\n' + "[" * 5000)


def text(content: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)

    return write


@pytest.fixture(scope="module")
def run(tiny_checkpoint: CheckpointMaker) -> Run:
    return Run(tiny_experiment(tiny_choices(tiny_checkpoint("bert"), "eh_ft", "lora", steps=4)), 0, SOURCE)


@pytest.fixture(scope="module")
def whole(run: Run, tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    """Return a store with the run finished."""
    store = LocalStore(tmp_path_factory.mktemp("whole") / "runs")
    assert SerialExecutor(store, OPTIONS).execute([run])[0].status is RunStatus.FINISHED
    return store


@pytest.fixture(scope="module")
def begun(run: Run, tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    """Return a store in which the run was interrupted after its first stage."""
    store = LocalStore(tmp_path_factory.mktemp("begun") / "runs")
    train = StageRun.train
    with pytest.MonkeyPatch.context() as patch:

        def interrupted(stage: StageRun, *args: object) -> object:
            if stage.index == 1:
                raise KeyboardInterrupt
            return train(stage, *args)

        patch.setattr(StageRun, "train", interrupted)
        with pytest.raises(KeyboardInterrupt):
            SerialExecutor(store, OPTIONS).execute([run])
    return store


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        (HEAD, flip),
        (STAGE, cut),
        (LOG, foreign_log),
        ("../experiment.json", cut),
        *(
            pytest.param(file, damage, marks=pytest.mark.slow)
            for file, damage in (
                *((HEAD, each) for each in (cut, folder_instead, remove, pipe_instead)),
                *((STAGE, each) for each in (flip, folder_instead, pipe_instead)),
                ("checksums.json", flip),
                ("started.json", folder_instead),
                ("predictions.validation.parquet", folder_instead),
                ("1-adapter", text("no folder")),
                (LOG, folder_instead),
                ("2-finetune/checkpoint.json", text("")),
                ("2-finetune/checkpoint.json", text('{"folder": "../1-adapter", "files": {}}')),
                ("2-finetune", text("no folder")),
                ("../experiment.json", folder_instead),
            )
        ),
    ],
)
def test_it_is_done_again_to_the_same_bits(
    run: Run, whole: LocalStore, begun: LocalStore, tmp_path: Path, file: str, damage: Callable[[Path], None]
) -> None:
    store = LocalStore(tmp_path / "runs")
    shutil.copytree(begun.root, store.root)
    path = store.run_folder(run.experiment.digest, 0).folder / file
    if path.parent.name == "2-finetune":
        path.parent.mkdir()
    if file.startswith("1-") and "/" not in file:
        remove(path)
    damage(path)
    (record,) = SerialExecutor(store, OPTIONS).execute([run])
    assert record.error == ""
    assert contents(store.root) == contents(whole.root)
    assert find_run(store, f"{run.experiment.digest}/0").experiment == run.experiment


@pytest.mark.parametrize("damage", [flip, *(pytest.param(each, marks=pytest.mark.slow) for each in (cut, remove))])
def test_so_are_stages_without_checksums_that_do_not_go_together(
    run: Run, whole: LocalStore, begun: LocalStore, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    """As older headstarts left them."""
    store = LocalStore(tmp_path / "runs")
    shutil.copytree(begun.root, store.root)
    folder = store.run_folder(run.experiment.digest, 0).folder
    (folder / "checksums.json").unlink()
    damage(folder / HEAD)
    (record,) = SerialExecutor(store, OPTIONS).execute([run])
    assert record.error == ""
    assert contents(store.root) == contents(whole.root)


def other_source(path: Path) -> None:
    """Change where the rows come from, which is in no experiment's digest."""
    path.write_text(path.read_text().replace('"draw": 0', '"draw": 1', 1))


DAMAGES: tuple[Callable[[Path], object], ...] = (
    lambda path: path.write_text(path.read_text().replace('"learning_rate": ', '"learning_rate": 1', 1)),
    vouched_for,
    cut,
    folder_instead,
    pipe_instead,
    lambda path: (path.unlink(), path.symlink_to("nowhere")),
    lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
    lambda path: (path.unlink(), path.symlink_to(path.name)),
    remove,
)


@pytest.mark.parametrize(("damage", "has_checksums"), [*product(DAMAGES, (True, False)), (other_source, True)])
def test_an_experiment_that_is_not_its_folders_is_neither_exported_nor_kept(
    run: Run, whole: LocalStore, tmp_path: Path, damage: Callable[[Path], object], has_checksums: bool
) -> None:
    """Also where no checksums stand beside it, as in a store of an older headstart or of a stranger."""
    store = LocalStore(tmp_path / "runs")
    shutil.copytree(whole.root, store.root)
    path = store.experiment_json(run.experiment.digest)
    before = path.read_text()
    damage(path)
    if not has_checksums:
        (path.parent / "checksums.json").unlink(missing_ok=True)
    with pytest.raises(DamageError, match=r"experiment\.json is damaged: (it|\d+ bytes|Expecting|Unterminated|`|its)"):
        find_run(store, f"{run.experiment.digest}/0")
    is_known = has_checksums or os.path.lexists(path)
    assert [damage.file for damage in verify(store.root).damages] == [path] * is_known
    SerialExecutor(store, OPTIONS).execute([run])
    assert path.read_text() == before


@pytest.fixture
def writes() -> Iterator[list[str]]:
    """Return the paths that are changed or opened for writing from here on."""
    found: list[str] = []
    is_on = True

    def audit(event: str, args: tuple[object, ...]) -> None:
        is_opened = event == "open" and isinstance(args[2], int) and args[2] & FOR_WRITING
        if is_on and (is_opened or event in CHANGES):
            found.append(str(args[0]))

    sys.addaudithook(audit)  # It stays for the process's life, switched off.
    yield found
    is_on = False


def test_a_store_of_finished_runs_is_only_read(run: Run, whole: LocalStore, writes: list[str]) -> None:
    """So it may lie on a disk that cannot be written to."""
    events: list[SweepEvent] = []
    (record,) = SerialExecutor(whole, OPTIONS, events.append).execute([run])
    assert record.status is RunStatus.FINISHED
    assert [event.kind for event in events] == [Event.SKIPPED]
    assert [path for path in writes if path.startswith(str(whole.root))] == []


def test_what_diverged_is_not_to_be_called_again(tmp_path: Path) -> None:
    diverged = fail(make_record())
    assert way_on(diverged, tmp_path).startswith(
        "The same call would end the same: give a `learning_rate` below 0.0001"
    )
    error = replace(diverged, status=RunStatus.ERROR)
    assert way_on(error, tmp_path) == f"What is finished of it is kept in {tmp_path}; call again to go on."


@pytest.mark.parametrize("what", ["rows", "model"])
def test_a_run_does_not_learn_from_what_was_changed_since_it_was_planned(
    what: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    model = shutil.copytree(tiny_checkpoint("bert"), tmp_path / "model")
    table = tmp_path / "rows.csv"
    lines = [f"{text},{label}" for text, label in tiny_rows(40)]
    table.write_text("text,label\n" + "\n".join(lines) + "\n")
    source = TaskSource(name="rows.csv", file=str(table))
    run = Run(tiny_experiment(tiny_choices(model, "linear_probe"), source), 0, source)
    if what == "rows":
        table.write_text("text,label\n" + "\n".join(reversed(lines)) + "\n")
    else:
        flip(model / "model.safetensors")
    (record,) = SerialExecutor(LocalStore(tmp_path / "store"), OPTIONS).execute([run])
    assert record.status is RunStatus.ERROR
    assert "changed since this run was planned" in record.error
    assert {"rows": "the rows of rows.csv", "model": f"the files of the model {model}"}[what] in record.error
