"""What stored predictions add, against sums done by hand; and when they add nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy
import pyarrow as pa
import pyarrow.parquet
import pytest

from headstart import metrics
from headstart.comparison.comparison_table import build_comparison
from headstart.comparison.evidence import weigh
from headstart.comparison.examples import ExampleEvidence
from headstart.comparison.formats import NOTHING
from headstart.comparison.frame import Frame
from headstart.comparison.report import read_report
from headstart.data.examples import Split
from headstart.experiments import scoring
from headstart.experiments.scoring import Scored
from headstart.reports.evidence_table import run_table
from headstart.reports.html import write_html
from headstart.stats.intervals import Interval
from headstart.stats.per_example import mcnemar
from headstart.store.local import LocalStore
from headstart.tables import bounded_bytes
from tests.support.crossed import crossed_bootstrap
from tests.support.stores import make_record, write_store

NUM_EXAMPLES = 120
LABELS = numpy.random.default_rng(0).integers(0, 2, NUM_EXAMPLES)


def answers_of(right: float, seed: int) -> numpy.ndarray:
    generator = numpy.random.default_rng(seed)
    return numpy.where(generator.random(NUM_EXAMPLES) < right, LABELS, 1 - LABELS)


def write_runs(
    root: Path,
    metric: str = "accuracy",
    num_seeds: int = 4,
    times: int = 1,
    groups: tuple[str, ...] | None = None,
) -> dict[tuple[str, int], numpy.ndarray]:
    """Write fine-tuning and LP-FT with their predictions to rows that are there so many times; returns the answers."""
    answers = {
        (label, seed): answers_of(right, seed + number)
        for label, right, number in (("finetune", 0.75, 0), ("lp_ft", 0.85, 100))
        for seed in range(num_seeds)
    }
    records = []
    for (label, seed), given in answers.items():
        score = metrics.compute([metric], LABELS, given)[metric]
        record = make_record(
            label, seed, metric=metric, num_evaluation_examples=times * NUM_EXAMPLES, constant_score=0.1
        )
        object.__setattr__(record, "scores", {metric: score})
        records.append(record)
    write_store(root, records)
    for (label, seed), given in answers.items():
        rows = Split.of(texts=tuple((str(row),) for row in range(NUM_EXAMPLES)) * times).with_columns(groups=groups)
        scored = Scored(
            scores={},
            labels=numpy.tile(LABELS, times),
            decisions=numpy.tile(given, times),
            answers=numpy.eye(2, dtype=numpy.float32)[numpy.tile(given, times)],
        )
        path = root / f"demo-{label}" / f"seed-{seed}" / "predictions.validation.parquet"
        scoring.write_predictions(scored, path, rows)
    return answers


def write_predictions(folder: Path, labels: Sequence[object], predicted: Sequence[object], split: str = "validation"):
    pyarrow.parquet.write_table(
        pa.table({"label": labels, "predicted": predicted}), folder / f"predictions.{split}.parquet"
    )


def evidence_of(root: Path) -> ExampleEvidence | None:
    evidence = weigh(build_comparison(Frame.from_store(root)), LocalStore(root))
    return evidence.examples.get(("demo-lp_ft", "demo"))


def test_pairs_of_runs_are_compared_row_by_row(tmp_path: Path):
    answers = write_runs(tmp_path / "runs")
    found = evidence_of(tmp_path / "runs")
    assert found is not None
    assert found.num_examples == NUM_EXAMPLES
    assert [pair.seed for pair in found.pairs] == [0, 1, 2, 3]
    for pair in found.pairs:
        ours, theirs = (answers[label, pair.seed] == LABELS for label in ("lp_ft", "finetune"))
        assert pair.mcnemar == mcnemar(ours, theirs)
        alone = crossed_bootstrap((ours.astype(float) - theirs)[None])
        assert pair.difference == pytest.approx(alone.mean)
        assert pair.interval.low == pytest.approx(alone.interval.low, abs=0.15 * alone.interval.width)
        assert pair.interval.high == pytest.approx(alone.interval.high, abs=0.15 * alone.interval.width)


@pytest.mark.parametrize("metric", ["accuracy", "f1"])
def test_repeats_make_no_difference_surer(tmp_path: Path, metric: str):
    """Each row is there three times, and the runs' own files say which belong together."""
    for name, times in (("once", 1), ("thrice", 3)):
        write_runs(tmp_path / name, metric, times=times)
    once, thrice = (evidence_of(tmp_path / name) for name in ("once", "thrice"))
    assert once is not None
    assert thrice is not None
    assert (once.num_examples, once.num_units) == (NUM_EXAMPLES, NUM_EXAMPLES)
    assert (thrice.num_examples, thrice.num_units) == (3 * NUM_EXAMPLES, NUM_EXAMPLES)
    assert limits(thrice.crossed.interval) == pytest.approx(limits(once.crossed.interval))
    assert thrice.crossed.example_standard_error == pytest.approx(once.crossed.example_standard_error)
    for pair, single in zip(thrice.pairs, once.pairs, strict=True):
        assert limits(pair.interval) == pytest.approx(limits(single.interval))
        assert pair.mcnemar == single.mcnemar


def test_the_page_says_what_counts_as_a_row(tmp_path: Path):
    for name, times in (("once", 1), ("thrice", 3)):
        write_runs(tmp_path / name, times=times)
        report = read_report(tmp_path / name)
        write_html(report, tmp_path / f"{name}.html")
    once, thrice = ((tmp_path / f"{name}.html").read_text(encoding="utf-8") for name in ("once", "thrice"))
    words = "count as one, so that 360 rows are 120:"
    assert words in thrice
    assert "count as one" not in once


def test_runs_that_answer_alike_have_no_interval_over_rows_in_the_table(tmp_path: Path):
    write_runs(tmp_path / "runs")
    for seed in range(4):
        ours, theirs = (tmp_path / "runs" / f"demo-{label}" / f"seed-{seed}" for label in ("lp_ft", "finetune"))
        for name in ("run.json", "predictions.validation.parquet"):
            content = (theirs / name).read_bytes()
            (ours / name).write_bytes(
                content.replace(b"demo-finetune", b"demo-lp_ft").replace(b'"finetune"', b'"lp_ft"')
            )
    table = build_comparison(Frame.from_store(tmp_path / "runs"))
    evidence = weigh(table, LocalStore(tmp_path / "runs"))
    found = run_table(table.groups[0], evidence)
    assert found is not None
    assert [row[2:4] for row in found.rows] == [("0.00", NOTHING)] * 4


def test_the_answer_says_by_which_pairs_it_would_hold_with_other_rows(tmp_path: Path):
    write_runs(tmp_path / "runs", num_seeds=8)
    whole = read_report(tmp_path / "runs").answers[0]
    (tmp_path / "runs" / "demo-lp_ft" / "seed-1" / "predictions.validation.parquet").unlink()
    part = read_report(tmp_path / "runs").answers[0]
    assert "With other seeds and other rows: [" in whole.checks
    assert "With other seeds and other rows, by the 7 pairs with predictions: [" in part.checks


def test_rows_of_one_unit_say_nothing_of_other_rows(tmp_path: Path):
    """Drawn whole it is always the same: the interval would be as narrow as if no other rows could come."""
    write_runs(tmp_path / "two", groups=("a", "b") * (NUM_EXAMPLES // 2))
    two = evidence_of(tmp_path / "two")
    assert two is not None
    assert two.num_units == 2
    write_runs(tmp_path / "one", groups=("a",) * NUM_EXAMPLES)
    assert evidence_of(tmp_path / "one") is None


def limits(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high


@pytest.mark.parametrize("metric", ["accuracy", "f1", "matthews"])
def test_the_crossed_interval_is_wider_than_that_of_one_pairs_rows(tmp_path: Path, metric: str):
    write_runs(tmp_path / "runs", metric)
    found = evidence_of(tmp_path / "runs")
    assert found is not None
    assert found.crossed.mean == pytest.approx(numpy.mean([pair.difference for pair in found.pairs]))
    assert found.crossed.interval.low < found.crossed.mean < found.crossed.interval.high
    assert found.crossed.example_standard_error > 0.01
    assert found.crossed.seed_standard_error > 0.0


def test_only_stored_pairs_count(tmp_path: Path):
    write_runs(tmp_path / "runs")
    (tmp_path / "runs" / "demo-lp_ft" / "seed-1" / "predictions.validation.parquet").unlink()
    (tmp_path / "runs" / "demo-finetune" / "seed-2" / "predictions.validation.parquet").write_bytes(b"cut off")
    found = evidence_of(tmp_path / "runs")
    assert found is not None
    assert [pair.seed for pair in found.pairs] == [0, 3]


def test_without_predictions_there_is_nothing(tmp_path: Path):
    write_store(tmp_path / "runs", [make_record(), make_record("lp_ft", score=0.8)])
    assert evidence_of(tmp_path / "runs") is None


@pytest.mark.parametrize("fault", ["other answers", "other rows", "fewer rows", "lists", "other columns", "units"])
def test_predictions_that_are_not_those_of_the_scores_are_left_out(tmp_path: Path, fault: str):
    write_runs(tmp_path / "runs")
    folder = tmp_path / "runs" / "demo-lp_ft" / "seed-0"
    files = {
        "other answers": (LABELS, LABELS),
        "other rows": (1 - LABELS, 1 - answers_of(0.85, 100)),
        "fewer rows": (LABELS[1:], LABELS[1:]),
        "lists": ([[0]] * NUM_EXAMPLES, [[0]] * NUM_EXAMPLES),
    }
    if fault == "other columns":
        pyarrow.parquet.write_table(pa.table({"x": LABELS}), folder / "predictions.validation.parquet")
    elif fault == "units":
        columns = {"label": LABELS, "predicted": answers_of(0.85, 100), "unit": LABELS / 2}
        pyarrow.parquet.write_table(pa.table(columns), folder / "predictions.validation.parquet")
    else:
        write_predictions(folder, *files[fault])
    found = evidence_of(tmp_path / "runs")
    assert found is None or 0 not in [pair.seed for pair in found.pairs]


def test_numbers_are_neither_right_nor_wrong(tmp_path: Path):
    generator = numpy.random.default_rng(3)
    labels, records, answers = generator.normal(size=NUM_EXAMPLES), [], {}
    for label, noise in (("finetune", 1.0), ("lp_ft", 0.5)):
        for seed in range(3):
            answers[label, seed] = labels + noise * generator.normal(size=NUM_EXAMPLES)
            score = metrics.compute(["pearson"], labels, answers[label, seed])["pearson"]
            record = make_record(label, seed, metric="pearson", num_evaluation_examples=NUM_EXAMPLES, constant_score=0)
            object.__setattr__(record, "scores", {"pearson": score})
            records.append(record)
    write_store(tmp_path / "runs", records)
    for (label, seed), given in answers.items():
        write_predictions(tmp_path / "runs" / f"demo-{label}" / f"seed-{seed}", labels, given)
    found = evidence_of(tmp_path / "runs")
    assert found is not None
    assert found.crossed.interval.low > 0.0
    assert {pair.mcnemar for pair in found.pairs} == {None}


def test_rank_correlations_have_no_crossed_bootstrap(tmp_path: Path):
    write_runs(tmp_path / "runs", "spearman")
    assert evidence_of(tmp_path / "runs") is None


def test_predictions_that_mean_a_giant_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write_runs(tmp_path / "runs")
    assert evidence_of(tmp_path / "runs") is not None
    monkeypatch.setattr(bounded_bytes, "FREE_BYTES", 2 * 8 * NUM_EXAMPLES - 1)
    monkeypatch.setattr(bounded_bytes, "MOST_PACKED_RATIO", 0)
    assert evidence_of(tmp_path / "runs") is None
