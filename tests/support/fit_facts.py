"""Facts of a fit, made from seeded answers: enough for every part of its report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from headstart import metrics
from headstart.kinds.catalogue import kind_named
from headstart.reports.fit.facts import AnsweredRows, CurvePoint, FitFacts, Tried
from headstart.stats.intervals import Interval
from headstart.stats.score_interval import score_interval

INTERVAL = Interval(low=0.7, high=0.9, confidence=0.95)
CLASSES = ("angry", "calm", "glad")


def rows_of(kind: str, num_rows: int, num_classes: int = 3, *, wrong: int = 0, seed: int = 0) -> AnsweredRows:
    """Return rows that are answered mostly right; the labels of the first `wrong` ones are not what is answered."""
    generator = np.random.default_rng(seed)
    labels: Any
    if kind == "regression":
        labels = generator.normal(3.0, 1.0, num_rows)
        answers = (labels + generator.normal(0.0, 0.3, num_rows))[:, None]
        labels[:wrong] += 5.0
    elif kind == "multi_label":
        labels = generator.integers(0, 2, (num_rows, num_classes))
        answers = np.clip(0.1 + 0.8 * labels + generator.normal(0.0, 0.03, labels.shape), 0.0, 1.0)
        labels[:wrong, 0] = 1 - labels[:wrong, 0]
    else:
        labels = generator.integers(0, num_classes, num_rows)
        logits = generator.normal(0.0, 1.0, (num_rows, num_classes))
        logits[np.arange(num_rows), labels] += 5.0 + np.log(num_classes)
        answers = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        labels[:wrong] = (answers[:wrong].argmax(axis=1) + 1) % num_classes
    texts = [(f"text number {number}",) for number in range(num_rows)]
    return AnsweredRows(numbers=range(num_rows), texts=texts, labels=labels, answers=answers.astype(np.float32))


def make_facts(kind: str = "classification", num_classes: int = 3, **changes: Any) -> FitFacts:
    """Return facts of a task of a kind, with these fields in place of the usual ones."""
    found, held_out = kind_named(kind), rows_of(kind, 60, num_classes, wrong=2, seed=1)
    metric, decisions = found.metrics[0], held_out.decisions(found)
    names = CLASSES if num_classes == len(CLASSES) else tuple(f"class {number}" for number in range(num_classes))
    facts = FitFacts(
        title="my-model",
        task="moods",
        kind=found,
        class_names=names if found.has_classes else (),
        text_columns=("text",),
        metric=metric,
        score=metrics.compute((metric,), held_out.labels, decisions)[metric],
        interval=score_interval(metric, held_out.labels, decisions, num_resamples=50),
        num_scored=len(held_out),
        scored_rows="rows cut off before anything was tried",
        model="embedded:minilm-l6",
        num_training_rows=120,
        tried=(
            Tried(name="linear_probe:fit", score=0.78, num_rows=60, num_updates=0, seconds=3.0),
            Tried(name="lp_ft:fit", score=0.82, num_rows=60, num_updates=90, seconds=9.0, is_chosen=True),
            Tried(name="finetune", score=None, num_rows=30, num_updates=40, seconds=None, note="stopped"),
        ),
        reason="It had the best score.",
        curve=tuple(CurvePoint(num_rows=n, score=0.6 + n / 500, interval=INTERVAL) for n in (30, 60, 120)),
        held_out=held_out,
        out_of_fold=rows_of(kind, 120, num_classes, wrong=4),
        notes=("The time ran out.",),
    )
    return replace(facts, **changes)
