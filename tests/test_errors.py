"""Errors come out of another process as they went in."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from headstart.errors import (
    DamageError,
    DataError,
    DataFault,
    DivergedError,
    HeadstartError,
    InvariantError,
    MachineError,
    NewerError,
    UsageError,
    UsageErrors,
)

ERRORS = (
    UsageError("a", allowed="  b", remedy="  c"),
    UsageErrors([UsageError("a"), UsageError("b", allowed="c")]),
    DataError([DataFault(file="f.csv", message="m", line=2)], remedy="  r"),
    NewerError(Path("run.json"), 4, 3),
    DivergedError(stage="finetune", step=7, detail="NaN"),
    InvariantError("x"),
    MachineError(Path("run.json"), "cannot write run.json: the disk is full", remedy="  r", number=28),
    DamageError(Path("run.json"), "its bytes changed", remedy="  r"),
)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling(error: HeadstartError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.exit_code) == (type(error), str(error), error.exit_code)
    assert vars(again).keys() == vars(error).keys()
