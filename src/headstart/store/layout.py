"""Where everything lies in a store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROWS_FOLDER, TASK_FILE = "rows", "task.json"
"""Where rows lie that were given in memory, and the file in the folder of each that says what they are."""
EXPERIMENT_FILE = "experiment.json"
"""Says what an experiment is, in the folder of its runs."""
ASKED_FILE = "asked.json"
"""Says what a search was asked for, in the folder of all its runs."""
UNIT = "unit"
"""In predictions the column of the rows' units, which is there where some rows share one."""


def file_part(name: str) -> str:
    """Return the name of a task or of rows as a part of a file's name."""
    return name.replace("/", "-")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run, and the names in it.

    Stages are numbered from 1 in folder names and from 0 in arguments, as in a strategy's plan.
    """

    folder: Path

    @property
    def digest(self) -> str:
        """Of the run's experiment."""
        return self.folder.parent.name

    @property
    def seed(self) -> int:
        """The run's seed."""
        return int(self.folder.name.removeprefix("seed-"))

    @property
    def started_json(self) -> Path:
        """Provenance, written when the run begins."""
        return self.folder / "started.json"

    @property
    def run_json(self) -> Path:
        """The run's record; its presence is what "finished" means."""
        return self.folder / "run.json"

    @property
    def failed_json(self) -> Path:
        """The record of a run that diverged or stopped with an error."""
        return self.folder / "failed.json"

    @property
    def lock_file(self) -> Path:
        """The file whose lock claims the run."""
        return self.folder / ".lock"

    def predictions(self, rows: str) -> Path:
        """Return the file of the predictions for one split, or for the rows of another task or file."""
        return self.folder / f"predictions.{file_part(rows)}.parquet"

    def stage_folder(self, index: int, name: str) -> Path:
        """Return the folder of the stage at `index` (from 0) of the plan."""
        return self.folder / f"{index + 1}-{name}"

    def stage_json(self, index: int, name: str) -> Path:
        """Return the record of a finished stage."""
        return self.stage_folder(index, name) / "stage.json"
