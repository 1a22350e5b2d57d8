"""Passing runs on to experiment trackers, through transformers' own integrations."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from headstart.errors import UsageError, unknown_name

TRACKERS = {"tensorboard": "tensorboard", "mlflow": "mlflow", "wandb": "wandb", "trackio": "trackio"}
"""Name of the tracker -> package that has to be installed."""


def check_trackers(names: Sequence[str]) -> None:
    """Hold trackers to be known and installed.

    Raises:
        UsageError: if one is not.
    """
    for name in names:
        if name not in TRACKERS:
            raise unknown_name("tracker", name, TRACKERS)
        package = TRACKERS[name]
        if importlib.util.find_spec(package) is None:
            raise UsageError(
                f"the tracker {name!r} needs a package that is not installed", remedy=f"  pip install {package}"
            )
