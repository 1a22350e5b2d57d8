"""An epoch is one pass over the training rows, however many batches an update accumulates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.errors import UsageError
from headstart.experiments.options import TrainingOptions
from headstart.option import read_options
from tests.support.runs import do_run, tiny_choices, tiny_experiment, tiny_source

CheckpointMaker = Callable[..., Path]
ROWS = 20
"""Five batches of four: no accumulation here divides them, so the last update of an epoch has fewer."""


@pytest.mark.parametrize(
    "trainer",
    [
        (),
        ("gradient_accumulation_steps=2",),
        ("gradient_accumulation_steps=4",),
        ("finetune.gradient_accumulation_steps=4",),
        ("gradient_accumulation_steps=4", "probe.gradient_accumulation_steps=1"),
    ],
    ids=str,
)
def test_every_row_is_seen_once_an_epoch(
    trainer: tuple[str, ...], tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    choices = tiny_choices(tiny_checkpoint("bert"), "lp_ft", steps=None, epochs=4.0, trainer=trainer)
    _, record = do_run(choices, tmp_path, tiny_source(ROWS, 4))
    assert [stage.num_examples_seen for stage in record.stages] == [2 * ROWS, 2 * ROWS]


def test_updates_that_are_given_by_number_stay(tiny_checkpoint: CheckpointMaker) -> None:
    choices = tiny_choices(tiny_checkpoint("bert"), "lp_ft", trainer=("finetune.gradient_accumulation_steps=4",))
    assert [stage.num_steps for stage in tiny_experiment(choices).plan] == [4, 4]


@pytest.mark.parametrize("values", [{}, {"preset": "paper"}, {"budget_factor": 0.5}, {"epochs": 2.5}], ids=str)
def test_a_budget_is_that_of_as_many_rows_an_update(values: dict[str, object]) -> None:
    whole = read_options(TrainingOptions, {"batch_size": 16, **values})
    parts = read_options(TrainingOptions, {"batch_size": 4, "trainer": ["gradient_accumulation_steps=4"], **values})
    for num_rows in (250, 2_490, 67_349):
        assert parts.num_steps("glue/rte", num_rows) == whole.num_steps("glue/rte", num_rows)


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "four", "true"])
def test_batches_are_accumulated_in_whole_numbers(value: str) -> None:
    training = read_options(TrainingOptions, {"trainer": [f"gradient_accumulation_steps={value}"]})
    with pytest.raises(UsageError, match="`trainer` gradient_accumulation_steps was given as"):
        training.num_steps("x", 100)
