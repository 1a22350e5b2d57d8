"""What the parts of a race are expected to cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.experiments.experiment import TaskSource
from headstart.experiments.time_estimate import Speed
from headstart.search.plan import cost_of
from headstart.search.trials import Use
from headstart.tables.file_options import FileOptions
from tests.conftest import CheckpointMaker
from tests.search.support import FITTED, TUNED, trials_of
from tests.support.runs import tiny_rows

SPEED = Speed(update=1.0, row=0.01, threads=1, fit=0.1)
FIXED = 2.0


def written(path: Path, num_rows: int) -> str:
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in tiny_rows(num_rows)))
    return str(path)


@pytest.mark.parametrize("is_cut_off", [True, False])
def test_the_end_counts_scores_and_the_comparison_of_precisions(
    is_cut_off: bool, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """By hand: a row costs 0.01 to answer and 0.11 to fit on; a run 2 beside that; 32 rows are trained on, 8 scored."""
    table = written(tmp_path / "rows.csv", 40 if is_cut_off else 32)
    given = "" if is_cut_off else written(tmp_path / "validation.csv", 8)
    trials = trials_of(
        tiny_checkpoint("bert"), TaskSource(name="rows", file=table, options=FileOptions(validation=given or None))
    )
    assert (len(trials.data.training), len(trials.data.evaluation)) == (32, 8)
    run = trials.run(FITTED, Use.TRIAL, 0, num_folds=4)
    cost = cost_of(trials, FITTED, run, SPEED, FIXED)
    assert cost.trial == pytest.approx(FIXED + 24 * 0.11 + 8 * 0.01)
    score, comparison, again = FIXED + 32 * 0.11 + 8 * 0.01, 2 * 8 * 0.01, FIXED + 40 * 0.11
    assert cost.end == pytest.approx(comparison + (score + again if is_cut_off else score))


def test_updates_grow_with_the_rows(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """By hand: one epoch of 24 rows in batches of 4 is 6 updates, of which the fit's pass takes 2; 32 rows have 4/3."""
    trials = trials_of(tiny_checkpoint("bert"), TaskSource(name="rows", file=written(tmp_path / "rows.csv", 40)))
    run = trials.run(TUNED, Use.TRIAL, 0, num_folds=4)
    num_updates = run.experiment.plan[-1].num_steps
    cost = cost_of(trials, TUNED, run, SPEED, FIXED)
    assert cost.trial == pytest.approx(FIXED + 24 * 0.11 + num_updates + 8 * 0.01)
    assert cost.again == pytest.approx(FIXED + (24 * 0.11 + num_updates) * 40 / 24)
