"""What records of schemas before 4 do not say, from the files that lie beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from headstart.errors import CheckpointError
from headstart.store.json_records import current_values, read_record
from headstart.store.layout import read_json
from headstart.store.provenance import Provenance
from headstart.store.record import RunRecord
from headstart.store.setting import Setting, other_rows_of, setting_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What an `experiment.json` says of a run's setting; nothing where the file is missing or damaged.

    Attributes:
        other_rows: SHA-256 of the rows of each other task or file, by its name.
    """

    setting: Setting | None = None
    other_rows: Mapping[str, str] = field(default_factory=dict)


def recorded_setting(experiment_json: Path) -> Recorded:
    """Return what an experiment's file says."""
    try:
        values = read_json(experiment_json)
        experiment = current_values("StoredExperiment", values, experiment_json)["experiment"]
        return Recorded(setting=setting_of(experiment), other_rows=other_rows_of(experiment))
    except (OSError, CheckpointError, KeyError, TypeError, AttributeError):
        return Recorded()


def completed(record: RunRecord, recorded: Recorded, started_json: Path) -> RunRecord:
    """Return the record with its setting, the rows it was scored on and the versions, as far as they are known."""
    return replace(
        record,
        setting=recorded.setting,
        others=tuple(replace(other, fingerprint=recorded.other_rows.get(other.name, "")) for other in record.others),
        versions=_versions(started_json),
    )


def _versions(started_json: Path) -> dict[str, str]:
    try:
        return read_record(Provenance, started_json).versions
    except (OSError, CheckpointError):
        return {}
