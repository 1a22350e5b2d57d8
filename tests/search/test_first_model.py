"""The choice of a vector and of a way to fit a head on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headstart.experiments.experiment import TaskSource
from headstart.experiments.run_data import RunData
from headstart.fitted.fit import fit_head
from headstart.fitted.fitted_head import FittedHead
from headstart.search import first_model
from headstart.search.clock import Clock
from headstart.search.first_model import choose_fit
from headstart.search.race import stored_answers
from headstart.search.trials import Use
from headstart.sweeps.export import inner_answers_of
from headstart.tables.file_options import FileOptions
from tests.search.support import search_of, trials_of
from tests.support.runs import WORDS, tiny_rows

CheckpointMaker = Callable[..., Path]


def test_class_weights_reach_the_choice(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{text},{('bad', 'good')[label]}" for text, label in tiny_rows(40)]
    (tmp_path / "rows.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    (tmp_path / "weights.json").write_text(json.dumps({"bad": 1, "good": 7}))
    seen: set[tuple[int, float]] = set()

    def watched(vectors: Any, targets: Any, *arguments: Any, weights: Any = None, **options: Any) -> FittedHead:
        seen.update(zip(targets.tolist(), [1.0] * len(targets) if weights is None else weights, strict=True))
        return fit_head(vectors, targets, *arguments, weights=weights, **options)

    monkeypatch.setattr(first_model, "fit_head", watched)
    trials = trials_of(tiny_checkpoint("bert"), TaskSource(name="rows.csv", file=str(tmp_path / "rows.csv")))
    training = replace(trials.asked.training, class_weights=str(tmp_path / "weights.json"))
    fits = choose_fit(replace(trials, asked=replace(trials.asked, training=training)), None, Clock(None))
    heads = {"linear", "linear:unit", "linear:pooling=mean:skip_last=1"}
    assert {(str(fit.head), fit.method) for fit in fits} == set(product(heads, ("logistic", "ridge", "lda")))
    losses = [fit.loss for fit in fits]
    assert losses == sorted(losses, key=lambda loss: loss or 0)
    assert seen == {(0, 1.0), (1, 7.0)}


@pytest.mark.parametrize("shift", [0, 1])
def test_names_are_rows_where_inner_folds_say_that_they_mean_something(
    shift: int, tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `shift` every class bears the name of the one after it."""
    monkeypatch.setattr(first_model, "MANY_CLASSES", 5)
    names = [WORDS[(index + shift) % len(WORDS)] for index in range(len(WORDS))]
    pairs = [(word, name) for word, name in zip(WORDS, names, strict=True) for _ in range(4)]
    texts = [(f"{word} {word} {WORDS[7 * row % len(WORDS)]}", name) for row, (word, name) in enumerate(pairs)]
    (tmp_path / "rows.csv").write_text("text,label\n" + "\n".join(map(",".join, texts)) + "\n")
    trials = trials_of(tiny_checkpoint("bert"), TaskSource(name="rows.csv", file=str(tmp_path / "rows.csv")))
    fits = choose_fit(trials, None, Clock(None))
    assert {(str(fit.head), fit.label_names) for fit in fits} == set(product(("linear", "linear:unit"), (True, False)))
    assert fits[0].label_names == (shift == 0)
    run = RunData.of(trials.run(fits[0].candidate, Use.FINAL, 0), trials.cache)
    assert len(run.own_train) == len(texts)
    assert run.train.texts[len(texts) :] == (tuple((name,) for name in sorted(names)) if shift == 0 else ())


def test_what_all_weights_are_multiplied_by_changes_no_choice(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of classes weigh as much as a mean row, and strengths mean the same, whatever the weights' unit."""
    monkeypatch.setattr(first_model, "MANY_CLASSES", 5)
    texts = [f"{word} {word} {WORDS[7 * row % len(WORDS)]}" for row, word in enumerate(sorted(WORDS * 3))]

    def losses(unit: float) -> list[float]:
        lines = [f"{text},{text.split()[0]},{unit * (1 + row % 3)}" for row, text in enumerate(texts)]
        path = tmp_path / f"{unit}.csv"
        path.write_text("text,label,weight\n" + "\n".join(lines) + "\n")
        source = TaskSource(name="rows.csv", file=str(path), options=FileOptions(weight="weight"))
        fits = choose_fit(trials_of(tiny_checkpoint("bert"), source), None, Clock(None))
        return [fit.loss or 0.0 for fit in sorted(fits, key=lambda fit: (str(fit.head), fit.label_names))]

    assert losses(1000.0) == pytest.approx(losses(1.0), rel=1e-6)


def test_the_clock_ends_what_is_tried(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{text},{text.split()[-1]},{label}" for text, label in tiny_rows(40)]
    (tmp_path / "pairs.csv").write_text("premise,hypothesis,label\n" + "\n".join(lines) + "\n")
    options = FileOptions(text="premise", text_pair="hypothesis")
    source = TaskSource(name="pairs.csv", file=str(tmp_path / "pairs.csv"), options=options)
    trials = trials_of(tiny_checkpoint("bert"), source)
    complete = choose_fit(trials, None, Clock(None))
    assert all(fit.loss is not None for fit in complete)

    asked = iter(["pass together", "first", "second", "third"])
    monkeypatch.setattr(Clock, "is_past", lambda clock, share: next(asked, None) is None)
    fits = choose_fit(trials, None, Clock(60.0))
    tried = [fit for fit in fits if fit.loss is not None]
    assert {(str(fit.head), fit.method) for fit in tried} == {
        ("linear", "logistic"),
        ("linear", "ridge"),
        ("linear", "lda"),
    }
    assert fits[: len(tried)] == tuple(tried)
    losses = {(fit.head, fit.method): fit.loss for fit in complete}
    assert [losses[fit.head, fit.method] for fit in tried] == [fit.loss for fit in tried]
    assert {(fit.head, fit.method) for fit in fits} == losses.keys()

    def untouched(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("rows were read without time for it")

    monkeypatch.setattr(Clock, "is_past", lambda clock, share: True)
    monkeypatch.setattr(RunData, "vectors", untouched)
    fits = choose_fit(trials, None, Clock(60.0))
    assert (str(fits[0].head), fits[0].method, fits[0].loss) == ("linear", "logistic", None)


@pytest.mark.parametrize("grouped", [True, False])
def test_groups_and_repeated_texts_are_held_out_whole(
    grouped: bool, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """Classes drawn for each customer, or each text, follow from nothing: a fit that knows them has seen them."""
    texts = [f"{WORDS[row % 12]} {WORDS[row * 5 % 11]} {WORDS[row * 7 % 10]}" for row in range(24)]
    labels = [("bad", "good")[row] for row in np.random.default_rng(2).permutation(np.arange(24) % 2)]
    rows = [
        f"{text}{f' {WORDS[again]}' if grouped else ''},{label},c{number}"
        for number, (text, label) in enumerate(zip(texts, labels, strict=True))
        for again in range(5)
    ]
    (tmp_path / "rows.csv").write_text("text,label,customer\n" + "\n".join(rows) + "\n")
    options = FileOptions(text="text", label="label", group="customer" if grouped else None)
    source = TaskSource(name="rows.csv", file=str(tmp_path / "rows.csv"), options=options)
    trials = trials_of(tiny_checkpoint("bert"), source)
    fits = choose_fit(trials, None, Clock(None))
    assert all(fit.loss is not None and fit.loss > 0.6 for fit in fits)
    search = search_of(trials, tmp_path / "race")
    runs = [trials.run(fits[0].candidate, Use.FINAL, 0), trials.run(fits[0].candidate, Use.TRIAL, 0, num_folds=3)]
    with search.executor_for(runs) as executor:
        executor.execute(runs)
    data, of_trial = (RunData.of(run, trials.cache) for run in runs)
    answers = inner_answers_of(data.run, search.store)
    assert answers is not None
    assert 0.2 < (answers.decisions == answers.labels).mean() < 0.8
    for found, rows in ((answers, data.own_train), (stored_answers(of_trial.run, search.store), of_trial.report)):
        assert found.units is not None
        assert len(set(found.units.tolist())) == len(rows) / 5
