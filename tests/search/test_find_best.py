"""A search on a tiny model: the plan decides, a killed search goes on, and the winner learns from all rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.special import expit, logit
from sklearn.metrics import f1_score

import headstart as hs
from headstart.artifacts.folder_checks import CARD_FILE, RACE_FOLDER
from headstart.artifacts.model_info import read_info
from headstart.errors import UsageError
from headstart.experiments.experiment import TaskSource
from headstart.experiments.run_data import RunData
from headstart.hardware import torch_threads
from headstart.inference import precision
from headstart.inference.predict import predict
from headstart.inference.saved import load_saved_model
from headstart.inference.user_files import evaluate_file
from headstart.process_state import process_state_kept
from headstart.search.best_folder import write_best
from headstart.search.clock import Clock
from headstart.search.decisions import write_decision
from headstart.search.executors import executor_of_search, show_nothing
from headstart.search.facts import facts_of
from headstart.search.find_best import Search, plan_file
from headstart.search.race import run_race
from headstart.search.trials import RacePlan, Rung, Use
from headstart.shares import THREADS
from headstart.stats.thresholds import cross_fitted_decisions, tuned_thresholds
from headstart.store.json_records import read_record
from headstart.store.layout import ASKED_FILE
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord
from headstart.sweeps.executor import SweepEvent
from headstart.sweeps.parallel import working
from headstart.sweeps.verify import verify
from headstart.tables.file_options import FileOptions
from tests.search.support import FITTED, PLAN, TUNED, search_of, trials_of
from tests.support.kinds import TASKS, rows_of_several
from tests.support.runs import stored, tiny_rows

SAID = ("reads all rows once", "a first model is in", "race within", "for the score", "for the folder")
"""What a search says before each part of its work, so that nobody looks at a still screen."""
CheckpointMaker = Callable[..., Path]


@pytest.fixture
def table(tmp_path: Path) -> TaskSource:
    path = tmp_path / "rows.csv"
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in tiny_rows(40)))
    return TaskSource(name="rows.csv", file=str(path))


def with_plan(search: Search, plan: RacePlan = PLAN) -> Search:
    search.store.mark()
    write_decision(search.store.root / plan_file(1), plan)
    return search


def test_rows_of_a_trial_a_score_and_the_end(tiny_checkpoint: CheckpointMaker, table: TaskSource) -> None:
    trials = trials_of(tiny_checkpoint("bert"), table)
    train, validation = trials.data.training, trials.data.evaluation
    assert (len(train), len(validation)) == (32, 8)
    folds = [RunData.of(trials.run(FITTED, Use.TRIAL, fold, num_folds=4), trials.cache) for fold in range(4)]
    held_out = [text for data in folds for text in data.report.texts]
    assert sorted(held_out) == sorted(train.texts)
    assert all(sorted((*data.train.texts, *data.report.texts)) == sorted(train.texts) for data in folds)
    score = RunData.of(trials.run(FITTED, Use.SCORE, 0), trials.cache)
    assert (score.train.texts, score.report.texts) == (train.texts, validation.texts)
    final = RunData.of(trials.run(FITTED, Use.FINAL, 0), trials.cache)
    assert final.train.texts == (*train.texts, *validation.texts)
    assert len(final.report) == 0


@pytest.mark.slow
def test_a_killed_search_goes_on_and_ends_with_the_same_bits(
    tiny_checkpoint: CheckpointMaker, table: TaskSource, tmp_path: Path
) -> None:
    model = tiny_checkpoint("bert")
    whole = with_plan(search_of(trials_of(model, table), tmp_path / "whole.unfinished"))
    write_best(whole, whole.find(), tmp_path / "whole")

    class Killed(BaseException):
        pass

    seen: list[str] = []

    def kill(event: SweepEvent) -> None:
        seen.append(event.kind)
        if seen.count("ended") == 4:
            raise Killed

    cut = with_plan(search_of(trials_of(model, table), tmp_path / "cut.unfinished", kill))
    with pytest.raises(Killed):
        cut.find()
    assert load_saved_model(cut.first_model).info.strategy.startswith("linear_probe:fit")
    finished = {path: path.stat().st_mtime_ns for path in cut.store.root.glob("*/seed-*/run.json")}
    assert finished
    again = search_of(trials_of(model, table), tmp_path / "cut.unfinished")
    write_best(again, again.find(), tmp_path / "cut")
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "cut"))
    assert all((first[name] == tensor).all() for name, tensor in second.items())


@pytest.mark.slow
def test_a_killed_search_goes_on_within_another_limit(
    tiny_checkpoint: CheckpointMaker, table: TaskSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the clock decided is decided anew; trials that both plans have are not repeated."""

    class Killed(BaseException):
        pass

    def kill_in_the_last_training(event: SweepEvent) -> None:
        if event.kind == "ended" and len(list((tmp_path / "m.unfinished").glob("*/seed-*/run.json"))) == 4:
            raise Killed

    def planned(*arguments: Any, **options: Any) -> RacePlan:
        limit = arguments[2].limit
        return (
            PLAN
            if limit > 60
            else replace(PLAN, seconds=limit, candidates=(FITTED,), rungs=(Rung(num_candidates=1, folds=(0,)),))
        )

    trials = trials_of(tiny_checkpoint("bert"), table)
    monkeypatch.setattr("headstart.search.find_best.plan_for", planned)
    with pytest.raises(Killed):
        search_of(trials, tmp_path / "m.unfinished", kill_in_the_last_training).find()
    finished = {path: path.stat().st_mtime_ns for path in (tmp_path / "m.unfinished").glob("*/seed-*/run.json")}
    said: list[str] = []
    again = replace(search_of(trials, tmp_path / "m.unfinished"), clock=Clock(600.0), say=said.append)
    best = again.find()
    assert "the limit is another one" in said[0]
    assert (best.plan.seconds, best.plan.candidates) == (PLAN.seconds, PLAN.candidates)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert load_saved_model(again.first_model).info.strategy.startswith("linear_probe:fit")
    monkeypatch.setattr("headstart.search.find_best.plan_for", None)
    assert replace(again, clock=Clock(600.0)).find().plan == best.plan, "what was decided is read"


@pytest.mark.slow
def test_trials_at_once_end_with_the_same_bits(
    tiny_checkpoint: CheckpointMaker, table: TaskSource, tmp_path: Path
) -> None:
    trials = trials_of(tiny_checkpoint("bert"), table)
    with torch_threads(1):
        one = with_plan(search_of(trials, tmp_path / "one.unfinished"))
        write_best(one, one.find(), tmp_path / "one")
        with working([dict.fromkeys(THREADS, "1")] * 2) as workers:
            two = search_of(trials, tmp_path / "two.unfinished")
            executor_for = executor_of_search(trials.asked.training, two.store, trials.cache, show_nothing, workers)
            two = with_plan(replace(two, executor_for=executor_for, jobs=2))
            write_best(two, two.find(), tmp_path / "two")
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert first.keys() == second.keys()
    assert all((first[name] == tensor).all() for name, tensor in second.items())


@pytest.mark.parametrize(
    ("limit", "end", "is_wider"),
    [  # 400 s are nearly all of 0.8 x 600 s
        pytest.param(600.0, 60.0, True, marks=pytest.mark.slow),
        pytest.param(600.0, 400.0, False, marks=pytest.mark.slow),
        (0.01, 0.0, False),
    ],
)
def test_a_race_that_left_more_time_than_its_end_takes_is_planned_again(
    limit: float,
    end: float,
    is_wider: bool,
    tiny_checkpoint: CheckpointMaker,
    table: TaskSource,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    narrow = replace(
        PLAN,
        seconds=limit,
        candidates=(FITTED,),
        rungs=(Rung(num_candidates=1, folds=(0,)),),
        left_out=(TUNED.name,),
        end=end,
    )
    plans = [narrow, PLAN]
    monkeypatch.setattr("headstart.search.find_best.plan_for", lambda *arguments, **options: plans.pop(0))
    said: list[str] = []
    trials = trials_of(tiny_checkpoint("bert"), table)
    search = search_of(trials, tmp_path / "m.unfinished")
    best = replace(search, say=said.append).find()
    assert plans == ([] if is_wider else [PLAN])
    assert best.plan == (PLAN if is_wider else narrow)
    assert [each.name for each in best.result.tried] == [each.name for each in best.plan.candidates]
    assert ("with more in it" in "\n".join(said)) == is_wider
    monkeypatch.setattr("headstart.search.find_best.plan_for", None)
    assert search.find().plan == best.plan, "what was decided is read"
    cut = with_plan(search_of(trials, tmp_path / "cut.unfinished"), narrow)
    assert cut.find().plan == narrow, "a call that goes on plans nothing"


def test_trainings_have_the_threads_that_the_plan_says(
    tiny_checkpoint: CheckpointMaker, table: TaskSource, tmp_path: Path
) -> None:
    seen = set()

    def look(event: SweepEvent) -> None:
        seen.add((event.run.experiment.evaluation.split == "holdout", torch.get_num_threads()))

    plan = replace(PLAN, threads=1, candidates=(FITTED,), rungs=(Rung(num_candidates=1, folds=(0,)),))
    search = with_plan(search_of(trials_of(tiny_checkpoint("bert"), table), tmp_path / "m.unfinished", look), plan)
    with process_state_kept():
        torch.set_num_threads(2)
        search.find()
        assert torch.get_num_threads() == 2
    assert {threads for is_trial, threads in seen if is_trial} == {1}
    assert "with 1 thread" in plan.sentences()[-1]


def test_the_folder_holds_the_race_without_weights_and_says_what_its_score_is(
    tiny_checkpoint: CheckpointMaker, table: TaskSource, tmp_path: Path
) -> None:
    search = with_plan(search_of(trials_of(tiny_checkpoint("bert"), table), tmp_path / "m.unfinished"))
    best = search.find()
    record = write_best(search, best, tmp_path / "m")
    race = LocalStore(tmp_path / "m" / RACE_FOLDER)
    assert not [*race.root.rglob("*.safetensors"), *race.root.rglob("*.parquet.tmp")]
    for folder in (tmp_path / "m", race.root):
        found = verify(folder)
        assert found.num_files > 3
        assert not [*found.damages, *found.without_checksums]
    records = race.records()
    assert {each.reported_split for each in records} == {"holdout", "validation", "none"}
    assert len([each for each in records if each.reported_split == "holdout"]) == 4
    assert best.scored is not None
    assert record.scores == best.scored.scores
    assert record.num_evaluation_examples == 8
    assert "has learned from these rows too" in record.warnings[-1]
    assert read_record(RunRecord, tmp_path / "m" / "run.json") == record


def test_seeds_of_one_start_are_averaged(tiny_checkpoint: CheckpointMaker, table: TaskSource, tmp_path: Path) -> None:
    only_tuned = replace(PLAN, candidates=(TUNED,), rungs=(Rung(num_candidates=1, folds=(0,)),))
    search = with_plan(search_of(trials_of(tiny_checkpoint("bert"), table), tmp_path / "m.unfinished"), only_tuned)
    best = search.find()
    record = write_best(search, best, tmp_path / "m")
    assert [run.seed for run in best.final] == [0, 1]
    heads = [
        load_file(search.store.run_folder(run.experiment.digest, run.seed).folder / "2-finetune" / "head.safetensors")
        for run in best.final
    ]
    saved = load_file(tmp_path / "m" / "head.safetensors")
    temperature = read_info(tmp_path / "m")[1].temperature
    assert temperature is not None
    assert temperature.num_rows == 8, "the rows that chose nothing"
    card = (tmp_path / "m" / CARD_FILE).read_text()
    assert "On 8 rows of validation:" in card
    assert "is of one training (seed 0) without the 8 rows" in card
    assert "the folder holds the mean of the weights of 2 seeds (0, 1)" in record.warnings[-1]
    assert "| seeds | 0, 1: the mean of their weights |" in card
    for name, tensor in saved.items():
        expected = (heads[0][name].double() + heads[1][name].double()) / 2
        assert (tensor == (expected.float().double() / (temperature.value or 1)).float()).all()
        assert not (tensor == heads[0][name]).all()


def test_the_mean_of_seeds_answers_validation_rows_that_were_given(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """Score, temperature and report are those of the folder, read back, and not those of one of the seeds."""
    rows = tiny_rows(80)
    # Every third label is wrong, so that the trainings differ and have errors to fit a temperature on.
    lines = [f"{text},{label if row % 3 else 1 - label}\n" for row, (text, label) in enumerate(rows)]
    for name, part in (("rows.csv", lines[:40]), ("given.csv", lines[40:])):
        (tmp_path / name).write_text("text,label\n" + "".join(part))
    source = TaskSource(
        name="rows.csv",
        file=str(tmp_path / "rows.csv"),
        options=FileOptions(validation=str(tmp_path / "given.csv")),
    )
    tuned = replace(TUNED, epochs=8.0, learning_rate=3e-3)
    plan = replace(PLAN, candidates=(tuned,), rungs=(Rung(num_candidates=1, folds=(0,)),), final_seeds=3)
    search = with_plan(search_of(trials_of(tiny_checkpoint("bert"), source), tmp_path / "m.unfinished"), plan)
    best = search.find()
    record = write_best(search, best, tmp_path / "m")
    facts = facts_of(search, best, record, tmp_path / "m")
    evaluated = evaluate_file(tmp_path / "m", str(tmp_path / "given.csv"), precision="fp32")
    assert record.scores == evaluated.scores
    assert record.scores == record.stages[-1].scores == read_record(RunRecord, tmp_path / "m" / "run.json").scores
    assert record.scores not in [each.scores for each in best.records]
    assert facts.score == record.scores["accuracy"]
    assert facts.held_out is not None
    saved = load_saved_model(tmp_path / "m")
    assert saved.info.temperature is not None
    answered = predict(saved, RunData.of(best.final[0], search.trials.cache).report)
    untempered = answered.answers.astype(np.float64) ** (saved.info.temperature.value or 1)
    untempered /= untempered.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(facts.held_out.answers, untempered, atol=1e-5)
    num_wrong = int((answered.decisions != facts.held_out.labels).sum())
    assert saved.info.temperature.num_wrong == num_wrong
    assert "| seeds | 0, 1, 2: the mean of their weights |" in (tmp_path / "m" / CARD_FILE).read_text()


def test_the_mean_of_seeds_has_thresholds_of_its_own_and_is_scored_by_them(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """Thresholds, score and report are of what the folder answers to the given rows, some of which are repeats."""
    given, train = rows_of_several(60, 1).take([*range(60), *range(20)]), rows_of_several(40, 0)
    # Every third row lacks what its text says, so that the trainings differ, and no threshold is right for all.
    train, given = (
        rows.with_columns(labels=tuple(label if row % 3 else () for row, label in enumerate(rows.labels or ())))
        for rows in (train, given)
    )
    source = stored(TASKS["multi_label"], {"train": train, "validation": given})
    tuned = replace(TUNED, epochs=8.0, learning_rate=3e-3)
    plan = replace(PLAN, candidates=(tuned,), rungs=(Rung(num_candidates=1, folds=(0,)),), final_seeds=3)
    search = with_plan(search_of(trials_of(tiny_checkpoint("bert"), source), tmp_path / "m.unfinished"), plan)
    best = search.find()
    record = write_best(search, best, tmp_path / "m", tunes_thresholds=True)
    facts = facts_of(search, best, record, tmp_path / "m")
    saved = load_saved_model(tmp_path / "m")
    assert saved.info.temperature is not None
    assert saved.info.thresholds is not None
    assert saved.info.averaged_with == (1, 2)
    answered = predict(saved, given)
    trained = expit((saved.info.temperature.value or 1) * logit(answered.answers.astype(np.float64)))
    units = np.array([*range(60), *range(20)])
    assert facts.held_out is not None
    right = facts.held_out.labels
    assert not np.array_equal(answered.decisions, right)
    decided = cross_fitted_decisions(trained, right, units)
    assert record.scores["micro_f1"] == facts.score == pytest.approx(f1_score(right, decided, average="micro"))
    np.testing.assert_array_equal(facts.held_out.decisions(facts.kind), decided)
    np.testing.assert_array_equal(answered.decisions, trained >= np.array(tuned_thresholds(trained, right, units)))
    assert read_record(RunRecord, tmp_path / "m" / "run.json") == record


def test_a_candidate_that_fails_is_out_and_the_race_goes_on(
    tiny_checkpoint: CheckpointMaker, table: TaskSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = trials_of(tiny_checkpoint("bert"), table)
    search = search_of(trials, tmp_path / "store")

    def fail(event: SweepEvent) -> None:
        if event.progress is not None:
            raise RuntimeError("the disk is full")

    failing = search_of(trials, tmp_path / "store", fail)
    result = run_race(PLAN, trials, failing.store, failing.executor_for)
    assert result.taken == FITTED
    (fitted, tuned) = result.tried
    assert (fitted.score is not None, tuned.score) == (True, None)
    assert tuned.problem == "RuntimeError: the disk is full", "a table has no room for a traceback"
    assert search.store.root.is_dir()


def test_the_winner_is_compared_with_itself_in_bf16_and_the_first_model_does_not_wait_for_that(
    tiny_checkpoint: CheckpointMaker, table: TaskSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "computes_bf16", lambda device: True)
    search = replace(search_of(trials_of(tiny_checkpoint("bert"), table), tmp_path / "m.unfinished"), clock=Clock(0.01))
    write_best(search, search.find(), tmp_path / "m")
    first, winner = (read_info(folder)[1] for folder in (search.first_model, tmp_path / "m"))
    assert first.bf16 is None
    assert first.temperature is not None
    assert first.temperature.num_rows == 40, "all rows, by the inner folds of the fit"
    assert winner.bf16 is not None
    assert winner.bf16.num_rows == 8


def test_a_limit_that_leaves_no_time_leaves_the_first_model(
    tiny_checkpoint: CheckpointMaker, table: TaskSource, tmp_path: Path
) -> None:
    said: list[str] = []
    search = replace(
        search_of(trials_of(tiny_checkpoint("bert"), table), tmp_path / "m.unfinished"),
        clock=Clock(0.01),
        say=said.append,
    )
    best = search.find()
    found = [next(row for row, line in enumerate(said) if part in line) for part in SAID]
    assert found == sorted(found)
    assert [each.epochs for each in best.plan.candidates] == [None]
    record = write_best(search, best, tmp_path / "m")
    assert record.strategy.startswith("linear_probe:fit")
    assert load_saved_model(tmp_path / "m").info.head.name in ("linear", "native")


@pytest.mark.parametrize("num_rows", [3, 4])
def test_rows_that_are_too_few_for_folds_have_a_model_all_the_same(
    num_rows: int, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    table.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in tiny_rows(num_rows)))
    source = TaskSource(name="table", file=str(table))
    said: list[str] = []
    search = replace(search_of(trials_of(tiny_checkpoint("bert"), source), tmp_path / "m.unfinished"), say=said.append)
    best = search.find()
    assert "no race: too few rows to hold some out" in said
    assert best.plan.rungs == ()
    record = write_best(search, best, tmp_path / "m")
    assert record.strategy.startswith("linear_probe:fit")
    assert load_saved_model(tmp_path / "m").info.head.name in ("linear", "native")


def test_the_regressor_searches_by_how_close_numbers_are(tiny_checkpoint: CheckpointMaker) -> None:
    texts, labels = zip(*tiny_rows(40), strict=True)
    numbers = [label + 0.5 for label in labels]
    fitted = hs.HeadstartRegressor(str(tiny_checkpoint("bert")), time_limit=0.01, max_length=32).fit(texts, numbers)
    assert fitted.run_.metric == "pearson"
    assert np.corrcoef(fitted.predict(texts), numbers)[0, 1] > 0.5


def test_the_estimator_searches_within_its_limit(tiny_checkpoint: CheckpointMaker) -> None:
    texts, labels = zip(*tiny_rows(40), strict=True)
    fitted = hs.HeadstartClassifier(str(tiny_checkpoint("bert")), time_limit=0.01, max_length=32).fit(texts, labels)
    assert fitted.run_.strategy.startswith("linear_probe:fit")
    assert fitted.predict(texts).shape == (40,)
    temperature = fitted._saved.info.temperature
    assert temperature is not None
    assert temperature.num_rows == 8, "the fold that it was tried on"


def test_every_candidate_for_a_plain_folder_has_the_models_own_head(
    tiny_checkpoint: CheckpointMaker, table: TaskSource, tmp_path: Path
) -> None:
    search = search_of(trials_of(tiny_checkpoint("bert"), table), tmp_path / "m.unfinished")
    search = replace(search, only_native=True, clock=Clock(10_000.0))
    plan = search._plan(search._fits(), 1)
    assert len(plan.candidates) > 3
    assert {each.head.name for each in plan.candidates} == {"native"}


def test_a_search_does_not_go_on_with_what_was_decided_for_another(
    tiny_checkpoint: CheckpointMaker, table: TaskSource, tmp_path: Path
) -> None:
    folder = tmp_path / "m.unfinished"

    def begun(source: TaskSource = table, limit: float = 60.0, **options: Any) -> None:
        trials = trials_of(tiny_checkpoint("bert"), source)
        trials = replace(trials, asked=replace(trials.asked, training=replace(trials.asked.training, **options)))
        replace(search_of(trials, folder), clock=Clock(limit))._fits()

    begun()
    other = tmp_path / "other.csv"
    other.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in tiny_rows(44)))
    with pytest.raises(UsageError, match="unfinished search, and since then changed: the rows\n") as caught:
        begun(TaskSource(name="rows.csv", file=str(other)))
    assert f"remove {folder}" in caught.value.remedy
    with pytest.raises(UsageError, match="changed: `label_smoothing`\n"):
        begun(limit=600.0, label_smoothing=0.1)
    table_moved = tmp_path / "moved.csv"
    table_moved.write_bytes(Path(str(table.file)).read_bytes())
    begun(TaskSource(name="rows.csv", file=str(table_moved)))
    (folder / ASKED_FILE).unlink()
    begun(TaskSource(name="rows.csv", file=str(other)))  # An older headstart noted nothing.
