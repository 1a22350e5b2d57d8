"""Stage 1 ends once it has learned enough, and Stage 2 gets the updates that it leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headstart.errors import UsageError
from headstart.experiments.evaluation import evaluated
from headstart.experiments.experiment import Experiment
from headstart.experiments.options import Options
from headstart.experiments.run import run_one
from headstart.registry import Spec
from headstart.store.json_records import dump, load
from headstart.store.layout import RunFolder
from headstart.store.metrics_log import METRICS_FILE, read_metrics
from headstart.training.callbacks import Progress
from headstart.training.config import RunOptions
from tests.experiments.test_regularised_stages import KilledError, ended, require_same
from tests.support.kinds import kind_source
from tests.support.runs import data_of, do_run, tiny_choices, tiny_experiment

CheckpointMaker = Callable[..., Path]
EARLY = "accuracy:target=0.01:window=3"
"""Holds as soon as it may: after the warm-up and one window."""


def choices(model: Path, until: str | None, strategy: str = "lp_ft", **options: Any) -> Options:
    values = {"steps": 24, "stage1_fraction": 0.5, "stage1_until": until and Spec.parse(until)}
    return tiny_choices(model, strategy, **(values | options))


@pytest.mark.parametrize(("strategy", "first"), [("lp_ft", "probe"), ("eh_ft", "adapter")])
def test_stage_2_gets_what_stage_1_leaves(
    strategy: str, first: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """12 updates at most, 1 of them warm-up: 4 are taken, at a constant rate, and Stage 2 decays over 20."""
    _, record = do_run(choices(tiny_checkpoint("bert"), EARLY, strategy), tmp_path)
    assert [(stage.name, stage.num_steps) for stage in record.stages] == [(first, 4), ("finetune", 20)]
    assert record.num_steps == 24
    assert record.stages[0].num_examples_seen == 4 * 4
    rates = [entry["learning_rate"] for entry in read_metrics(tmp_path / f"1-{first}" / METRICS_FILE)]
    assert len(rates) == 4
    assert rates[1] == rates[2] == rates[3] > rates[0]
    later = [entry["learning_rate"] for entry in read_metrics(tmp_path / "2-finetune" / METRICS_FILE)]
    assert len(later) == 20
    assert 0 < later[-1] < later[9] / 5


def test_a_rule_that_never_holds_leaves_the_plan(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    _, record = do_run(choices(tiny_checkpoint("bert"), "plateau:window=3:tolerance=0.0", steps=16), tmp_path)
    assert sum(stage.num_steps for stage in record.stages) == 16


@pytest.mark.parametrize(("stage", "step"), [("probe", 3), pytest.param("finetune", 15, marks=pytest.mark.slow)])
def test_a_killed_run_ends_where_a_whole_one_does(
    stage: str, step: int, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    """Killed before Stage 1's rule holds, and in the updates that Stage 2 has beyond its plan."""
    asked = choices(tiny_checkpoint("bert"), EARLY)
    do_run(asked, tmp_path / "whole")
    data, options = data_of(tiny_experiment(asked)), RunOptions(keep_backbone=True, checkpoint_seconds=0.0)
    folder = RunFolder(tmp_path / "killed")

    def kill(progress: Progress) -> None:
        if (progress.stage, progress.step) == (stage, step):
            raise KilledError

    with pytest.raises(KilledError):
        run_one(data, folder, options, kill, evaluated)
    record = run_one(data, folder, options, witnesses=evaluated)
    assert [each.num_steps for each in record.stages] == [4, 20]
    require_same(ended(tmp_path / "whole", "2-finetune"), ended(tmp_path / "killed", "2-finetune"))


def test_a_stage_that_ended_early_is_not_checked_too_little(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tensor without a gradient is found although the stage ends before the usual deadline."""
    from headstart.errors import InvariantError
    from headstart.training.trainer import StageTrainer

    original = StageTrainer.compute_loss
    monkeypatch.setattr(StageTrainer, "compute_loss", lambda *args, **options: 0.0 * original(*args, **options))
    with pytest.raises(InvariantError, match="after 4 updates these trainable tensors never had a gradient"):
        do_run(choices(tiny_checkpoint("bert"), EARLY), tmp_path)


def test_the_rule_is_in_the_digest_and_its_absence_is_not(tiny_checkpoint: CheckpointMaker) -> None:
    model = tiny_checkpoint("bert")
    without, early, later = (
        tiny_experiment(choices(model, until)) for until in (None, EARLY, "accuracy:target=0.5:window=3")
    )
    assert len({each.digest for each in (without, early, later)}) == 3
    stored = dump(without)
    for stage in stored["plan"]:
        del stage["until"]
    assert load(Experiment, stored, Path("experiment.json")).digest == without.digest
    assert load(Experiment, dump(early), Path("experiment.json")) == early


@pytest.mark.parametrize(
    ("strategy", "until", "options", "message"),
    [
        ("finetune", EARLY, {}, "`stage1_until` would have no effect"),
        ("linear_probe", EARLY, {}, "`stage1_until` would have no effect"),
        ("finetune:match_compute", EARLY, {}, "no stage of a head or an adapter comes before"),
        ("lp_ft", EARLY, {"stage1_fraction": 0.0}, "no stage of a head or an adapter comes before"),
        ("lp_ft", "accuracy:window=11", {}, "after 12 updates at the earliest, and stage 'probe' has 12"),
        ("eh_ft", EARLY, {"adapter": "adalora"}, "its own schedule has to know how long"),
    ],
)
def test_what_could_have_no_effect_is_refused(
    strategy: str, until: str, options: dict[str, Any], message: str, tiny_checkpoint: CheckpointMaker
) -> None:
    with pytest.raises(UsageError, match=message):
        tiny_experiment(choices(tiny_checkpoint("bert"), until, strategy, **options))


def test_accuracy_is_refused_where_no_answer_is_right(tiny_checkpoint: CheckpointMaker) -> None:
    with pytest.raises(UsageError, match=r"of kind multi_label\n.*plateau"):
        tiny_experiment(choices(tiny_checkpoint("bert"), EARLY), kind_source("multi_label"))
