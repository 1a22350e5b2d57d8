"""A submission from a store: which run answers, what is refused before any model is loaded, and the archive itself."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from headstart.errors import MachineError, UsageError
from headstart.experiments.experiment import Run, StoredExperiment
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.inference.submissions import SUITES, SubmissionFile, Suite, tab_separated
from headstart.registry import Spec
from headstart.store.experiments import read_experiment, write_experiment
from headstart.store.json_records import read_record
from headstart.store.local import LocalStore
from headstart.store.record import Purpose, RunRecord
from headstart.sweeps.serial import SerialExecutor
from headstart.sweeps.submission import RunChoice, choose_runs, plan_submission, write_submission
from headstart.tasks.task import Task
from headstart.training.config import RunOptions
from tests.support.runs import SOURCE, tiny_choices, tiny_experiment, tiny_rows

CheckpointMaker = Callable[..., Path]
TINY = Task(name="tiny", text_columns=("text",), label_column="label", labels=("bad", "good"), num_rows=(("test", 12),))
FILE = SubmissionFile(name="Tiny.tsv", answered_by=(("tiny", TINY),), words=("bad", "good"), write=tab_separated)
SECOND = replace(FILE, name="Tiny-2.tsv")
SUITE = Suite(files=(FILE, SECOND))


@dataclass(frozen=True, kw_only=True)
class Made:
    """A store with plain fine-tuning at seeds 3 and 1 and EH-FT at seed 0, and test rows."""

    store: LocalStore
    executor: SerialExecutor
    root: Path
    runs: dict[str, Run]


@pytest.fixture(scope="module")
def made(tiny_checkpoint: CheckpointMaker, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("submission")
    experiments = {
        name: tiny_experiment(tiny_choices(tiny_checkpoint("bert"), name, adapter))
        for name, adapter in (("finetune", None), ("eh_ft", "lora"))
    }
    runs = {
        f"{name}/{seed}": Run(experiments[name], seed, SOURCE)
        for name, seed in (("finetune", 3), ("finetune", 1), ("eh_ft", 0))
    }
    store = LocalStore(folder / "store")
    executor = SerialExecutor(store, RunOptions(keep_backbone=True))
    executor.execute(list(runs.values()))
    write_tests(folder / "data", 12)
    return Made(store=store, executor=executor, root=folder / "data", runs=runs)


def write_tests(root: Path, count: int) -> Path:
    (root / "tiny").mkdir(parents=True)
    rows = [{"text": text, "idx": 100 + number} for number, (text, _) in enumerate(tiny_rows(count, seed=5))]
    (root / "tiny" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return root


def test_the_lowest_seed_answers(made: Made) -> None:
    chosen = choose_runs(made.store, SUITE, RunChoice(strategy=Spec("finetune")))
    assert {name: run.seed for name, run in chosen.items()} == {"Tiny.tsv": 1, "Tiny-2.tsv": 1}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (RunChoice(strategy=Spec("finetune"), seed=3), "finetune/3"),
        (RunChoice(adapter=Spec("lora")), "eh_ft/0"),
        (RunChoice(strategy=Spec("eh_ft"), adapter=Spec("lora"), seed=0), "eh_ft/0"),
    ],
)
def test_a_run_is_named_by_what_it_is(made: Made, choice: RunChoice, expected: str) -> None:
    assert choose_runs(made.store, SUITE, choice)["Tiny.tsv"] == made.runs[expected]


def test_a_run_is_named_by_its_name(made: Made) -> None:
    name = f"{made.runs['finetune/3'].experiment.digest[:12]}/3"
    assert choose_runs(made.store, SUITE, RunChoice(runs=(name,)))["Tiny.tsv"] == made.runs["finetune/3"]


def test_several_experiments_are_asked_back(made: Made) -> None:
    asked = r"2 experiments fit tiny\n(?=.*eh_ft\(lora\))(?=.*finetune)(.|\n)*`run`"
    with pytest.raises(UsageError, match=asked) as caught:
        choose_runs(made.store, SUITE, RunChoice())
    assert str(caught.value).count("experiments fit") == 1
    assert all(f" {label}" in str(caught.value) for label in ("finetune", "eh_ft(lora)"))


def test_runs_that_do_not_fit_are_refused(made: Made) -> None:
    names = {name: f"{run.experiment.digest}/{run.seed}" for name, run in made.runs.items()}
    with pytest.raises(UsageError, match="names two for tiny"):
        choose_runs(made.store, SUITE, RunChoice(runs=(names["finetune/1"], names["eh_ft/0"])))
    with pytest.raises(UsageError, match="is of tiny, which the suite does not ask for"):
        choose_runs(made.store, SUITES.get("glue"), RunChoice(runs=(names["finetune/1"],)))
    with pytest.raises(UsageError, match="is not finished"):
        choose_runs(made.store, SUITE, RunChoice(runs=(f"{made.runs['finetune/1'].experiment.digest}/7",)))


def test_trials_and_failed_runs_do_not_answer(made: Made, tmp_path: Path) -> None:
    run = made.runs["finetune/1"]
    digest = run.experiment.digest
    store = LocalStore(tmp_path / "store")
    record = made.store.record(digest, 1)
    assert record is not None
    write_experiment(store, digest, read_experiment(made.store, StoredExperiment, digest))
    store.finish(replace(record, purpose=Purpose.SELECTION))
    assert choose_runs(store, SUITE, RunChoice()) == {}
    store.finish(record)
    assert read_record(RunRecord, store.run_folder(digest, 1).run_json).purpose == "report"
    assert set(choose_runs(store, SUITE, RunChoice())) == {"Tiny.tsv", "Tiny-2.tsv"}


def test_all_that_is_missing_is_listed(made: Made) -> None:
    with pytest.raises(UsageError, match=r"Tiny.tsv \(tiny\), Tiny-2.tsv \(tiny\)\n.*`fill_missing`"):
        plan_submission(made.store, SUITE, RunChoice(seed=9), data_root=made.root, fill_missing=False)
    with pytest.raises(UsageError, match="`fill_missing` would have no effect"):
        plan_submission(made.store, SUITE, RunChoice(seed=0), data_root=made.root, fill_missing=True)


def test_test_rows_are_checked_before_a_model_is_loaded(made: Made, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has 11 rows here, officially 12"):
        plan_submission(made.store, SUITE, RunChoice(seed=0), data_root=write_tests(tmp_path, 11), fill_missing=False)


def test_the_archive_holds_the_models_answers(made: Made, tmp_path: Path) -> None:
    from headstart.inference.predict import predict
    from headstart.inference.saved import load_saved_model
    from headstart.sweeps.export import export_run

    choice = RunChoice(strategy=Spec("eh_ft"))
    parts = plan_submission(made.store, SUITE, choice, data_root=made.root, fill_missing=False)
    out = tmp_path / "new" / "submission.zip"
    announced: list[str] = []
    write_submission(
        parts,
        made.store,
        out,
        made.executor,
        RunDataCache(),
        announce=lambda part: announced.append(str(part)),
    )
    digest = made.runs["eh_ft/0"].experiment.digest[:12]
    assert announced == [f"{name}: tiny eh_ft(lora), {digest}/0" for name in ("Tiny.tsv", "Tiny-2.tsv")]
    assert [path.name for path in out.parent.iterdir()] == ["submission.zip"]
    export_run(RunData.of(made.runs["eh_ft/0"]), made.store, tmp_path / "model", made.executor)
    answered = predict(load_saved_model(tmp_path / "model"), parts[0].rows.split)
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == ["Tiny.tsv", "Tiny-2.tsv"]
        for name in archive.namelist():
            header, *lines = archive.read(name).decode().splitlines()
            assert header == "index\tprediction"
            assert lines == [f"{100 + row}\t{label}" for row, label in enumerate(answered.predicted_labels)]


def test_an_archive_that_fails_leaves_nothing(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = plan_submission(made.store, SUITE, RunChoice(seed=0), data_root=made.root, fill_missing=False)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(MachineError, match=r"cannot write .*a.zip: the disk is full"):
        write_submission(parts, made.store, tmp_path / "a.zip", made.executor, RunDataCache())
    assert list(tmp_path.iterdir()) == []
