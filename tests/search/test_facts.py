"""What the report of a search says, from a search on a tiny model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from headstart.artifacts.model_info import read_info
from headstart.data.examples import Split
from headstart.experiments.experiment import TaskSource
from headstart.reports.fit.facts import FitFacts
from headstart.reports.fit.html import render_fit_report
from headstart.reports.fit.suspects import suspects, write_suspects
from headstart.search.best_folder import write_best
from headstart.search.decisions import write_decision
from headstart.search.facts import _unit_notes, facts_of
from headstart.search.find_best import plan_file
from headstart.search.trials import Rung
from headstart.stats.thresholds import cross_fitted_decisions
from headstart.sweeps.row_groups import read_groups
from headstart.tables.file_options import FileOptions
from headstart.tasks.task import Task
from tests.search.support import FITTED, PLAN, search_of, trials_of
from tests.support.kinds import TASKS, rows_of_several
from tests.support.runs import stored, tiny_rows

CheckpointMaker = Callable[..., Path]
ROWS, LANGUAGES = tiny_rows(50), ("de", "en", "fr")


@pytest.fixture(scope="module")
def facts(tiny_checkpoint: CheckpointMaker, tmp_path_factory: pytest.TempPathFactory) -> FitFacts:
    folder = tmp_path_factory.mktemp("facts")
    path = folder / "rows.csv"
    # The third row has no text: rows are called by their places in the table all the same.
    lines = [f"{text},{label}" for text, label in ROWS]
    lines.insert(2, ",1")
    lines = [f"{line},{LANGUAGES[number % 3]}" for number, line in enumerate(lines)]
    path.write_text("text,label,lang\n" + "\n".join(lines) + "\n")
    options = FileOptions(text="text", label="label", drop_incomplete=True)
    source = TaskSource(name="rows.csv", file=str(path), options=options)
    search = search_of(trials_of(tiny_checkpoint("bert"), source), folder / "m.unfinished")
    search.store.mark()
    write_decision(search.store.root / plan_file(1), PLAN)
    best = search.find()
    record = write_best(search, best, folder / "m")
    return facts_of(search, best, record, folder / "m", groups=read_groups(source, "lang"))


def test_groups_of_rows_are_those_of_the_table(facts: FitFacts) -> None:
    rows = facts.held_out
    assert rows is not None
    assert facts.by_group is not None
    for group in facts.by_group.groups:
        own = [place for place, number in enumerate(rows.numbers) if LANGUAGES[number % 3] == group.name]
        assert group.num_rows == len(own)
        assert group.score == accuracy_score(rows.labels[own], rows.decisions(facts.kind)[own])
    assert "Group by group" in render_fit_report(facts)
    assert "Group by group" not in render_fit_report(replace(facts, by_group=None))


def test_without_rows_for_a_score_or_a_head_that_could_be_fitted_labels_are_judged_all_the_same(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """Where the head that was asked for cannot be fitted, the vector of the checkpoint is there to look with."""
    task = Task(name="tiny", text_columns=("text",), label_column="label", labels=("bad", "good"))
    texts, labels = zip(*tiny_rows(24), strict=True)
    source = stored(task, {"train": Split.of(texts=tuple((text,) for text in texts), labels=labels)})
    search = search_of(trials_of(tiny_checkpoint("bert"), source), tmp_path / "m.unfinished")
    search.store.mark()
    plan = replace(PLAN, candidates=(FITTED,), rungs=(Rung(num_candidates=1, folds=(0,)),))
    write_decision(search.store.root / plan_file(1), plan)
    best = search.find()
    assert best.scored is None
    record = write_best(search, best, tmp_path / "m")
    facts = facts_of(search, replace(best, fits=()), record, tmp_path / "m")
    assert (facts.score, facts.interval, facts.held_out, facts.curve) == (None, None, None, ())
    assert facts.out_of_fold is not None
    assert len(facts.out_of_fold) == 24
    assert write_suspects(facts, tmp_path / "suspects.csv") == len(suspects(facts))
    assert "The score was not measured" in render_fit_report(facts)


def test_thresholds_are_tuned_on_the_rows_of_the_score_and_the_report_says_so(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """The score is that of decisions that each row had no part in; by scikit-learn."""
    task = TASKS["multi_label"]
    source = stored(task, {"train": rows_of_several(40, 0), "validation": rows_of_several(60, 1)})
    search = search_of(trials_of(tiny_checkpoint("bert"), source), tmp_path / "m.unfinished")
    search.store.mark()
    plan = replace(PLAN, candidates=(FITTED,), rungs=(Rung(num_candidates=1, folds=(0,)),), final_seeds=1)
    write_decision(search.store.root / plan_file(1), plan)
    best = search.find()
    record = write_best(search, best, tmp_path / "m", tunes_thresholds=True)
    facts = facts_of(search, best, record, tmp_path / "m")
    assert facts.held_out is not None
    decided = cross_fitted_decisions(facts.held_out.exact_answers, facts.held_out.labels)
    np.testing.assert_array_equal(facts.held_out.decisions(facts.kind), decided)
    assert not np.array_equal(decided, facts.held_out.answers >= 0.5)
    score = f1_score(facts.held_out.labels, decided, average="micro")
    assert record.scores["micro_f1"] == facts.score == pytest.approx(score)
    assert read_info(tmp_path / "m")[1].thresholds is not None
    page = render_fit_report(facts)
    assert "which were tuned for F1: cat 0." in page
    assert "what was tried, and the curve, are scored at 0.5" in page


def test_rows_are_called_by_their_place_in_the_table(facts: FitFacts) -> None:
    assert facts.held_out is not None
    assert facts.out_of_fold is not None
    numbers = [*facts.held_out.numbers, *facts.out_of_fold.numbers]
    assert sorted(numbers) == [number for number in range(51) if number != 2]
    for rows in (facts.held_out, facts.out_of_fold):
        for number, texts, label in zip(rows.numbers, rows.texts, rows.labels, strict=True):
            text, written = ROWS[number - (number > 2)]
            assert (texts, facts.class_names[label]) == ((text,), str(written))


def test_answers_are_probabilities_and_the_score_is_theirs(facts: FitFacts) -> None:
    assert facts.held_out is not None
    assert facts.out_of_fold is not None
    for rows in (facts.held_out, facts.out_of_fold):
        np.testing.assert_allclose(rows.answers.sum(axis=1), 1.0, atol=1e-5)
    right = accuracy_score(facts.held_out.labels, facts.held_out.answers.argmax(axis=1))
    assert facts.score == pytest.approx(right)
    assert facts.interval is not None
    assert facts.interval.low <= facts.score <= facts.interval.high


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        (None, ["the 3 scored rows are of 2 different texts: the interval counts these as the independent ones"]),
        (("a", "a", "a"), ["the 3 scored rows are of 1 group: other rows may score quite differently, and no interval "
                           "can say by how much"]),
        (("a", "b", "c"), []),
    ],
)  # fmt: skip
def test_which_rows_count_as_one_is_said(groups: tuple[str, ...] | None, words: list[str]) -> None:
    rows = Split.of(texts=(("one",), ("two",), ("one",)), labels=(0, 1, 0)).with_columns(groups=groups)
    assert list(_unit_notes(rows)) == words


def test_the_curve_ends_with_all_training_rows(facts: FitFacts) -> None:
    sizes = [point.num_rows for point in facts.curve]
    assert sizes == sorted(sizes)
    assert sizes[-1] == 40
    assert len(sizes) >= 3


def test_the_page_says_who_was_tried_and_taken(facts: FitFacts) -> None:
    assert [each.is_chosen for each in facts.tried].count(True) == 1
    page = render_fit_report(replace(facts, temperature="1.84, fitted on 10 rows"))
    assert "the saved model divides its logits by a temperature: 1.84, fitted on 10 rows." in page
    assert "<p>Taken: " in page
    assert all(each.label.split(":")[0] in page for each in facts.tried)
