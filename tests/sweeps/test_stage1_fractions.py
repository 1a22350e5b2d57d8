"""Several shares of Stage 1 in one comparison."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.comparison.comparison_table import build_comparison
from headstart.comparison.frame import Frame
from headstart.errors import UsageError
from headstart.experiments.run_data import RunDataCache
from headstart.store.local import LocalStore
from headstart.sweeps.plan import Sweep, check_sweep, run_sweep
from headstart.sweeps.serial import SerialExecutor
from tests.support.runs import tiny_choices, tiny_experiment, tiny_sweep

CheckpointMaker = Callable[..., Path]


def sweep_of(model: Path, strategies: tuple[str, ...], *shares: float, on_top: bool = False) -> Sweep:
    choices = tiny_choices(model, "lp_ft", steps=10, stage1_fraction=None, stage1_on_top=on_top)
    return tiny_sweep(choices, *strategies, stage1_fraction=shares)


def plans(sweep: Sweep) -> list[tuple[str, list[int]]]:
    runs = check_sweep(sweep, RunDataCache())
    return [(run.experiment.label, [stage.num_steps for stage in run.experiment.plan]) for run in runs]


def test_every_strategy_with_a_first_stage_has_a_column_for_each_share(tiny_checkpoint: CheckpointMaker) -> None:
    sweep = sweep_of(tiny_checkpoint("bert"), ("finetune", "lp_ft"), 0.1, 0.5)
    assert plans(sweep) == [("finetune", [10]), ("lp_ft", [1, 9]), ("lp_ft", [5, 5])]


def test_on_top_stage_2_keeps_all_updates(tiny_checkpoint: CheckpointMaker) -> None:
    sweep = sweep_of(tiny_checkpoint("bert"), ("finetune", "lp_ft"), 0.1, 0.5, 0.9, on_top=True)
    assert plans(sweep) == [("finetune", [10]), ("lp_ft", [1, 10]), ("lp_ft", [5, 10]), ("lp_ft", [9, 10])]


@pytest.mark.parametrize(
    ("strategy", "num_first"),
    [
        ("lp_ft", 1),
        ("eh_ft", 1),
        ("soup", 1),
        ("head_soup", 3),
        ("head_soup:heads=5", 5),
        ("fisher_unfreezing:head_start", 1),
        ("mixout:head=adapter", 1),
    ],
)
def test_on_top_stage_2_keeps_all_updates_whatever_the_number_of_first_stages(
    strategy: str, num_first: int, tiny_checkpoint: CheckpointMaker
) -> None:
    adapter = "lora" if strategy != "lp_ft" else None
    on_top = {"steps": 10, "stage1_fraction": 0.3, "stage1_on_top": True}
    plan = tiny_experiment(tiny_choices(tiny_checkpoint("bert"), strategy, adapter, **on_top)).plan
    assert sum(stage.num_steps for stage in plan if stage.kind == "finetune") == 10
    assert [stage.num_steps for stage in plan if stage.kind in ("probe", "adapter")] == [3] * num_first


def test_a_table_tells_them_apart_by_their_split(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    sweep = sweep_of(tiny_checkpoint("bert"), ("finetune", "lp_ft"), 0.2, 0.5)
    records = run_sweep(sweep, SerialExecutor(LocalStore(tmp_path)), RunDataCache())
    (group,) = build_comparison(Frame.from_records(records)).groups
    assert {row.label for row in group.rows} == {"finetune", "lp_ft, 2 + 8 steps", "lp_ft, 5 + 5 steps"}


@pytest.mark.parametrize(("shares", "on_top"), [((0.1, 0.2), False), ((), True)])
def test_without_a_first_stage_they_would_have_no_effect(
    shares: tuple[float, ...], on_top: bool, tiny_checkpoint: CheckpointMaker
) -> None:
    sweep = sweep_of(tiny_checkpoint("bert"), ("finetune",), *shares, on_top=on_top)
    with pytest.raises(UsageError, match=r"`stage1_.* would have no effect"):
        check_sweep(sweep, RunDataCache())
