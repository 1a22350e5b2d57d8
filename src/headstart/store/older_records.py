"""What records of schemas before 4 do not say, from the files that lie beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from headstart.errors import CheckpointError, HeadstartError
from headstart.manifest import Damage
from headstart.safe_files import read_json
from headstart.store.damage import damage_of
from headstart.store.json_records import current_values, read_record
from headstart.store.provenance import Provenance
from headstart.store.record import RunRecord
from headstart.store.setting import Setting, other_rows_of, setting_of, spec_text

_UNREADABLE = (OSError, HeadstartError, LookupError, TypeError, AttributeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What an `experiment.json` says of a run's setting; nothing where the file is missing or damaged.

    Attributes:
        other_rows: SHA-256 of the rows of each other task or file, by its name.
        damage: what is wrong with the file; None where it is whole.
    """

    setting: Setting | None = None
    other_rows: Mapping[str, str] = field(default_factory=dict)
    damage: Damage | None = None


def recorded_setting(experiment_json: Path) -> Recorded:
    """Return what an experiment's file says."""
    try:
        experiment = _experiment(experiment_json)
        return Recorded(setting=setting_of(experiment), other_rows=other_rows_of(experiment))
    except FileNotFoundError:
        return Recorded()
    except _UNREADABLE as error:
        return Recorded(damage=damage_of(error, experiment_json))


def names_of(experiment_json: Path) -> dict[str, str]:
    """Return task, model and label of an experiment, as far as its file says them."""
    try:
        experiment = _experiment(experiment_json)
        adapter = f"({spec_text(experiment['adapter'])})" if experiment["adapter"] else ""
        label = f"{spec_text(experiment['strategy'])}{adapter}"
        return {"task": str(experiment["task"]), "model": str(experiment["model"]), "label": label}
    except _UNREADABLE:
        return {}


def _experiment(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = current_values("StoredExperiment", read_json(path), path)["experiment"]
    return found


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
