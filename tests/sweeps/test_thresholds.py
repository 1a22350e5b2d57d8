"""A fit tunes the thresholds of labels, and every reader of its folder decides by them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file
from scipy.special import expit, logit
from sklearn.metrics import f1_score

from headstart import load
from headstart.api import HeadstartClassifier
from headstart.artifacts.model_info import read_info
from headstart.artifacts.temperature import Temperature
from headstart.artifacts.thresholds import Thresholds
from headstart.artifacts.working_store import working_store
from headstart.errors import CheckpointError, UsageError
from headstart.experiments.experiment import TaskSource
from headstart.experiments.run import SAYS_NOTHING
from headstart.experiments.run_data import RunData, RunDataCache
from headstart.experiments.stored_answers import StoredAnswers
from headstart.inference.evaluate import evaluate
from headstart.inference.predict import predict
from headstart.inference.saved import load_saved_model
from headstart.manifest import write_manifest
from headstart.stats.thresholds import at_thresholds, cross_fitted_decisions
from headstart.store.json_records import read_record
from headstart.store.local import LocalStore
from headstart.store.record import RunRecord
from headstart.sweeps.export import answers_of
from headstart.sweeps.fitting import fit_model, plan_fit
from headstart.sweeps.serial import SerialExecutor
from headstart.sweeps.thresholds import decided_out_of_fold, require_tunable, tune, with_scores_out_of_fold
from headstart.training.config import RunOptions
from tests.conftest import CheckpointMaker
from tests.support.kinds import TASKS, rows_of_several
from tests.support.runs import SOURCE, stored, tiny_choices

LABELS = TASKS["multi_label"].labels


@pytest.fixture(scope="module")
def source() -> TaskSource:
    return stored(TASKS["multi_label"], {"train": rows_of_several(24, 0), "validation": rows_of_several(80, 1)})


def fitted(
    checkpoint: Path, source: TaskSource, out: Path, *, tunes_thresholds: bool
) -> tuple[RunRecord, StoredAnswers]:
    run = plan_fit(
        tiny_choices(checkpoint, "linear_probe"), source, 0, out, RunDataCache(), tunes_thresholds=tunes_thresholds
    )
    store = LocalStore(working_store(out))
    executor = SerialExecutor(store, RunOptions(keep_backbone=True))
    (plain,) = executor.execute([run])
    answers = answers_of(run, store)
    assert answers is not None
    record = fit_model(RunData.of(run), store, out, executor, tunes_thresholds=tunes_thresholds)
    assert plain.status is record.status
    return record, answers


def test_a_fit_leaves_thresholds_and_reports_rows_that_chose_none(
    tiny_checkpoint: CheckpointMaker, source: TaskSource, tmp_path: Path
) -> None:
    checkpoint = tiny_checkpoint("bert")
    plain, answers = fitted(checkpoint, source, tmp_path / "plain", tunes_thresholds=False)
    record, same_answers = fitted(checkpoint, source, tmp_path / "tuned", tunes_thresholds=True)
    np.testing.assert_array_equal(answers.decisions, same_answers.decisions)
    _, before = read_info(tmp_path / "plain")
    _, info = read_info(tmp_path / "tuned")
    assert before.thresholds is None
    assert info.thresholds is not None
    assert replace(info, thresholds=None, bf16=before.bf16) == before
    expected, found = (load_file(tmp_path / name / "model.safetensors") for name in ("plain", "tuned"))
    assert all((found[name] == tensor).all() for name, tensor in expected.items())

    assert answers.probabilities is not None
    decided = cross_fitted_decisions(answers.probabilities, answers.labels)
    for average in ("micro", "macro"):
        score = f1_score(answers.labels, decided, average=average, zero_division=0.0)
        assert record.scores[f"{average}_f1"] == pytest.approx(score)
    assert info.thresholds.macro_f1 == record.scores["macro_f1"]
    assert info.thresholds.macro_f1_at_half == plain.scores["macro_f1"]
    assert info.thresholds.num_rows == 80

    saved, tests = load_saved_model(tmp_path / "tuned"), rows_of_several(30, 2)
    answered = predict(saved, tests)
    by_hand = (answered.answers >= np.asarray(info.thresholds.values, np.float32)).astype(int)
    np.testing.assert_array_equal(answered.decisions, by_hand)
    assert not np.array_equal(by_hand, predict(load_saved_model(tmp_path / "plain"), tests).decisions)
    names = [[label for label, has in zip(LABELS, row, strict=True) if has] for row in by_hand]
    assert load(tmp_path / "tuned").predict([text for (text,) in tests.texts]).predicted_labels == names
    scores = evaluate(saved, tests)
    right = TASKS["multi_label"].kind.label_array(tests.labels or (), 3)
    assert [each.f1 for each in scores.classes] == pytest.approx(f1_score(right, by_hand, average=None))
    assert read_record(RunRecord, tmp_path / "tuned" / "run.json") == record
    card = (tmp_path / "tuned" / "README.md").read_text()
    assert "A row gets a label from these probabilities on: cat 0." in card


def drawn_answers(num_rows: int) -> StoredAnswers:
    generator = np.random.default_rng(0)
    log_odds = generator.normal(-1, 2, (num_rows, 3))
    labels = (generator.random(log_odds.shape) < expit(log_odds + 1)).astype(np.int64)
    return StoredAnswers(labels=labels, decisions=(log_odds >= 0).astype(np.int64), probabilities=expit(log_odds))


@pytest.mark.parametrize("num_rows", [14, 60])
def test_rows_that_are_there_several_times_tune_as_one_and_decide_nothing_of_each_other(num_rows: int) -> None:
    once = drawn_answers(num_rows)
    assert once.probabilities is not None
    units = np.repeat(np.arange(num_rows), 4)
    often = StoredAnswers(
        labels=once.labels[units], decisions=once.decisions[units], probabilities=once.probabilities[units], units=units
    )
    assert tune(often, None) == replace(tune(once, None), num_rows=4 * num_rows)
    expected = decided_out_of_fold(once).decisions[units]
    np.testing.assert_array_equal(decided_out_of_fold(often).decisions, expected)


def test_whether_all_answers_are_the_same_is_said_of_the_decisions_by_thresholds(
    tiny_checkpoint: CheckpointMaker, source: TaskSource, tmp_path: Path
) -> None:
    record, _ = fitted(tiny_checkpoint("bert"), source, tmp_path / "model", tunes_thresholds=False)
    low = replace(drawn_answers(60), decisions=np.zeros((60, 3), dtype=np.int64))
    assert low.probabilities is not None
    low = replace(low, probabilities=low.probabilities / 2)
    same = replace(record, is_degenerate=True, warnings=(SAYS_NOTHING, "another one"))
    decided = with_scores_out_of_fold(same, decided_out_of_fold(low), TASKS["multi_label"].kind)
    assert (decided.is_degenerate, decided.warnings) == (False, ("another one",))
    at_half = with_scores_out_of_fold(decided, low, TASKS["multi_label"].kind)
    assert (at_half.is_degenerate, at_half.warnings) == (True, (SAYS_NOTHING, "another one"))


@pytest.mark.parametrize("temperature", [0.4, 3.0])
def test_thresholds_are_of_the_probabilities_that_the_head_gives_at_its_temperature(temperature: float) -> None:
    answers = drawn_answers(300)
    assert answers.probabilities is not None
    log_odds = logit(answers.probabilities)
    as_trained, tempered = tune(answers, None), tune(answers, Temperature(value=temperature, num_rows=300))
    assert logit(tempered.values) == pytest.approx(logit(as_trained.values) / temperature)
    np.testing.assert_array_equal(
        at_thresholds(expit(log_odds / temperature), tempered.values),
        at_thresholds(expit(log_odds), as_trained.values),
    )


def test_what_cannot_be_tuned_is_refused_before_anything_is_trained(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    choices = tiny_choices(tiny_checkpoint("bert"), "linear_probe")
    with pytest.raises(UsageError, match="one answer"):
        plan_fit(choices, SOURCE, 0, tmp_path / "out", RunDataCache(), tunes_thresholds=True)
    task = TASKS["multi_label"]
    for wrong, said in (
        ({"is_private": True}, "`dp`"),
        ({"has_held_out": False}, "learns from all\n  Leave `strategy` at auto"),
    ):
        with pytest.raises(UsageError, match=said):
            require_tunable(task, **({"is_private": False, "has_held_out": True} | wrong))
    with pytest.raises(UsageError, match="two labels"):
        require_tunable(replace(task, labels=("cat",)), is_private=False, has_held_out=True)
    estimator = HeadstartClassifier(strategy="linear_probe", tune_thresholds=True)
    with pytest.raises(UsageError, match="learns from all"):
        estimator.fit(["a cat", "a dog", "a fish"], [[1, 0], [0, 1], [1, 1]])


@pytest.mark.parametrize(
    "harm", [{"values": [0.5, 1.5, 0.5]}, {"values": [0.5, 0.5]}, {"values": [0.5, "a", 0.5]}, {"num_kept": 4}]
)
def test_thresholds_that_none_can_be_are_refused(
    harm: dict[str, object], tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    from headstart.artifacts.model_folder import save_model_folder
    from tests.support.saved import make_example

    example = make_example(tiny_checkpoint("bert"), task=TASKS["multi_label"])
    whole = Thresholds(values=(0.2, 0.5, 1.0), num_rows=30, num_kept=1, macro_f1=0.5, macro_f1_at_half=0.4)
    info = replace(example.info, thresholds=whole)
    save_model_folder(example.classifier, example.tokenizer, tmp_path / "model", info=info)
    path = tmp_path / "model" / "headstart.json"
    assert read_info(path.parent)[1].thresholds == whole
    written = json.loads(path.read_text())
    written["info"]["thresholds"] |= harm
    path.write_text(json.dumps(written))
    write_manifest(path.parent)
    with pytest.raises(CheckpointError, match=r"headstart\.json is damaged"):
        read_info(path.parent)
