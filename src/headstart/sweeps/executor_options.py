"""What a person may ask of executors. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.errors import UsageError
from headstart.option import option


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorOptions:
    """How many runs are done at once, and with what.

    Raises:
        UsageError: if a value is outside its range.
    """

    jobs: int = option(
        1, "Runs at once, each in a process of its own with its share of the cores. More than 1 makes a sweep faster."
    )
    gpus_per_run: float | None = option(
        None, "With `jobs` on GPUs: the part of one that a run takes, such as 0.25 for small models. (Default: 1.)"
    )

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise UsageError(f"`jobs` was given as {self.jobs}", allowed="  It is the number of runs at once, from 1.")
        if self.gpus_per_run is not None and self.jobs == 1:
            raise UsageError("`gpus_per_run` would have no effect without `jobs`", remedy="  Leave it out.")


IN_THIS_PROCESS = ExecutorOptions()
