"""Passing runs on to experiment trackers, through transformers' own integrations."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from typing import Any

from headstart.errors import UsageError, unknown_name

TRACKERS = ("mlflow", "tensorboard", "trackio", "wandb")
"""By transformers' names, which are those of the packages too."""

KEPT_OPEN = ("wandb",)
"""Trackers whose integration leaves a run open at the end of training: a second stage would go on in the first's."""


def check_tracker(name: str) -> None:
    """Hold a tracker to be known and installed.

    Raises:
        UsageError: if it is not.
    """
    if name not in TRACKERS:
        raise unknown_name("tracker", name, TRACKERS)
    if importlib.util.find_spec(name) is None:
        raise UsageError(f"the tracker {name!r} needs a package that is not installed", remedy=f"  pip install {name}")


def close_trackers(names: Sequence[str]) -> None:
    """End what the trackers count as one run; every stage is a run of theirs."""
    for name in names:
        if name in KEPT_OPEN:
            tracker: Any = importlib.import_module(name)
            tracker.finish()
