"""Rules that end a stage, on numbers made by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from headstart.errors import UsageError
from headstart.experiments.options import MethodOptions
from headstart.registry import Spec
from headstart.strategies.strategy import Optimizer, Stage
from headstart.strategies.unused_updates import num_steps_of
from headstart.training.schedules import schedule_factor
from headstart.training.stage_length import Seen, StageLength, build_until
from tests.strategies.test_strategies import plan

ACCURACY = Spec.parse("accuracy:target=0.75:window=4")
PLATEAU = Spec.parse("plateau:window=3:tolerance=0.1")


def end_of(spec: Spec, losses: list[float], accuracies: list[float], num_warmup_steps: int = 0) -> int | None:
    """Return after how many updates the stage is over; None if never."""
    length = StageLength(build_until(spec), num_warmup_steps)
    for step, (loss, accuracy) in enumerate(zip(losses, accuracies, strict=True)):
        length.add(step, Seen(loss=loss, accuracy=accuracy))
        if length.is_over():
            return step + 1
    return None


@pytest.mark.parametrize(
    ("accuracies", "num_warmup_steps", "end"),
    [
        ([0.5, 0.5, 1.0, 1.0, 1.0], 0, 4),
        ([0.5, 0.5, 0.5, 1.0, 1.0, 0.25, 0.5], 0, 5),
        ([1.0] * 9, 0, 4),
        ([1.0] * 9, 3, 7),
        ([0.7] * 9, 0, None),
        ([1.0] * 3, 0, None),
    ],
)
def test_the_mean_accuracy_of_the_latest_window(
    accuracies: list[float], num_warmup_steps: int, end: int | None
) -> None:
    assert end_of(ACCURACY, [0.0] * len(accuracies), accuracies, num_warmup_steps) == end


@pytest.mark.parametrize(
    ("losses", "end"),
    [
        ([1.0] * 9, 6),
        ([9, 8, 7, 6, 5, 4, 3.8, 3.7, 3.6, 3.6, 3.6], 11),
        ([2.0**-step for step in range(30)], None),
        ([1.0, 1.0, 1.0, 0.89, 0.89, 0.89, 0.89, 0.89], 7),
    ],
)
def test_the_mean_loss_no_longer_falls(losses: list[float], end: int | None) -> None:
    """By hand: 3 updates are compared with the 3 before; a fall of a tenth goes on."""
    assert end_of(PLATEAU, losses, [math.nan] * len(losses)) == end


def test_without_a_rule_a_stage_is_never_over() -> None:
    length = StageLength(None, 0)
    assert (length.is_watched, length.is_over(), dict(length.state())) == (False, False, {})


def test_what_was_seen_survives_a_checkpoint_bit_for_bit() -> None:
    until = build_until(ACCURACY)
    length, resumed = StageLength(until, 0), StageLength(until, 0)
    for step in range(3):
        length.add(step, Seen(loss=0.1, accuracy=1 / 3))
    resumed.resume(length.state())
    for each in (length, resumed):
        each.add(3, Seen(loss=0.1, accuracy=2.0))
    assert length.is_over() is resumed.is_over() is True
    assert length.state()["seen"].equal(resumed.state()["seen"])


def test_the_rate_stays_after_the_warm_up() -> None:
    optimizer = Optimizer(learning_rate=1.0, warmup_fraction=0.1)
    stays, falls = schedule_factor(optimizer, 100, stays=True), schedule_factor(optimizer, 100)
    assert [stays(step) for step in range(11)] == [falls(step) for step in range(11)]
    assert {stays(step) for step in range(10, 100)} == {1.0}


def ending(stages: tuple[Stage, ...], *indices: int) -> tuple[Stage, ...]:
    return tuple(replace(stage, until=ACCURACY) if index in indices else stage for index, stage in enumerate(stages))


@pytest.mark.parametrize(
    ("strategy", "first", "taken", "later"),
    [
        ("eh_ft", (0,), (12,), (88,)),
        ("head_soup", (0, 1, 2), (12, 30, 20), (38,)),
        ("soup", (0,), (13,), (30, 29, 28, 0)),
    ],
)
def test_later_stages_get_what_is_left(
    strategy: str, first: tuple[int, ...], taken: tuple[int, ...], later: tuple[int, ...]
) -> None:
    stages = ending(plan(strategy, fraction=0.3), *first)
    done = list(taken)
    while len(done) < len(stages):
        done.append(num_steps_of(stages, done))
    assert tuple(done[len(taken) :]) == later
    assert sum(done) == 100


def test_a_plan_without_a_rule_stays_as_it_is() -> None:
    stages = plan("eh_ft", fraction=0.3)
    assert [num_steps_of(stages, []), num_steps_of(stages, [3])] == [30, 70]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("accuracy:target=0", "from above 0 to 1"),
        ("accuracy:window=2", "at least 3"),
        ("plateau:tolerance=1", "from 0 to under 1"),
        ("loss", "end of Stage 1 'loss'"),
    ],
)
def test_rules_out_of_range_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        MethodOptions(stage1_until=Spec.parse(text))
