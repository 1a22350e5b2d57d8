"""Values become JSON and come back; what cannot be read is damaged or newer, and the message says which."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headstart.atomic_files import write_json
from headstart.errors import CheckpointError, HeadstartError, NewerError
from headstart.safe_files import read_json
from headstart.store.diagnostics import CalibrationRecord, StageDiagnostics
from headstart.store.json_records import dump, load, read_record, write_record
from headstart.store.privacy import RunPrivacy
from headstart.store.record import OtherResult, RunRecord
from headstart.store.schema import SCHEMA_VERSION
from tests.support.records import as_stored, run_record, stage_record

PATH = Path("run.json")


def changed(**changes: object) -> dict[str, Any]:
    """Return the JSON values of a record with some of them changed; None leaves a field out."""
    values = dump(run_record()) | changes
    return {name: value for name, value in values.items() if value is not None or name == "adapter"}


def test_everything_comes_back() -> None:
    curve = CalibrationRecord(expected_error=0.1, brier=0.2, log_loss=0.3, bins=((0.5, 1.0, 3),))
    other = OtherResult(
        name="b", split="test", metric="accuracy", scores={"accuracy": 0.5}, constant_score=0.5, num_examples=4
    )
    record = replace(
        run_record(),
        stages=(replace(stage_record(), diagnostics=StageDiagnostics(calibration=curve)),),
        privacy=RunPrivacy(epsilon=8.0, delta=1e-5, accountant="prv", covers_all_stages=True),
        others=(other,),
    )
    assert as_stored(record) == record


def test_a_file_says_its_schema_first(tmp_path: Path) -> None:
    write_record(tmp_path / "run.json", run_record())
    assert next(iter(read_json(tmp_path / "run.json").items())) == ("schema_version", SCHEMA_VERSION)
    assert read_record(RunRecord, tmp_path / "run.json") == run_record()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (changed(mood="good"), r"run.json is damaged: `mood`"),
        (changed(mood="good", schema_version=1), r"run.json is damaged: `mood`"),
        (changed(seed=None), r"run.json is damaged: `seed`: Field required"),
        (changed(seed="3"), r"run.json is damaged: `seed`: .*integer"),
        (changed(status="asleep"), r"`status`: .*'finished', 'diverged' or 'error'"),
        (changed(stages=[{"name": "probe"}]), r"`stages.0.role`: Field required"),
        (changed(stages=[dump(stage_record()) | {"mood": 1}]), r"`stages.0.mood`"),
        (changed(num_steps=10**400), r"run.json is damaged: `num_steps` is larger than any number that is counted"),
        (changed(num_steps=-(2**64) - 1), r"`num_steps` is larger"),
        (changed(stages=[{"num_steps": 10**30}]), r"run.json is damaged"),
        (changed(schema_version="new"), r"`schema_version` is 'new'"),
        (changed(schema_version=0), r"`schema_version` is 0"),
    ],
)
def test_damage_names_file_and_field(values: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        load(RunRecord, values, PATH)


def test_digits_in_words_are_no_large_numbers() -> None:
    digits = "12345678901234567890" * 4 + "e+300"
    record = replace(run_record(), varied=digits, seconds=1e300, scores={"mae": 1.5e308, "accuracy": 2**-70})
    assert as_stored(record) == record


def test_a_newer_file_is_not_damaged() -> None:
    with pytest.raises(NewerError) as error:
        load(RunRecord, changed(mood="good", schema_version=SCHEMA_VERSION + 1), PATH)
    assert str(error.value).splitlines() == [
        f"run.json was written by a newer headstart (schema {SCHEMA_VERSION + 1})",
        f"  This one reads schemas up to {SCHEMA_VERSION}.",
        "  Upgrade with `pip install -U headstart`.",
    ]
    assert error.value.exit_code == 2


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_never_written(number: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_record(tmp_path / "run.json", replace(run_record(), seconds=number))
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_an_object_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(HeadstartError, match="damaged"):
        read_record(RunRecord, tmp_path / "run.json")


@pytest.mark.parametrize("source", [{}, None, {"name": "rows", "split_seed": 0}])
def test_an_older_file_that_an_upgrade_cannot_read_is_damaged(source: object) -> None:
    from headstart.experiments.experiment import StoredExperiment

    values = {"experiment": {"schema_version": 1}, "source": source}
    with pytest.raises(CheckpointError, match=r"experiment.json is damaged"):
        load(StoredExperiment, values, Path("experiment.json"))


def test_reading_does_not_change_what_was_read(tmp_path: Path) -> None:
    values = changed(schema_version=1)
    write_json(tmp_path / "run.json", values)
    assert load(RunRecord, values, PATH) == run_record()
    assert values == read_json(tmp_path / "run.json")
