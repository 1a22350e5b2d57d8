"""headstart: fine-tune pretrained models for classification, and give the head a head start.

What this module lists keeps its name and meaning from one minor version to the next; the modules below it may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headstart.errors import (
    CheckpointError,
    DamageError,
    DataError,
    DivergedError,
    HeadstartError,
    InvariantError,
    MachineError,
    NewerError,
    UsageError,
    UsageErrors,
)

__version__ = "0.1.0"

if TYPE_CHECKING:
    from headstart.api import (
        HeadstartClassifier,
        HeadstartRegressor,
        LoadedModel,
        Predictions,
        Verification,
        load,
        pretrain_head,
        verify,
    )

FACE = (
    "HeadstartClassifier",
    "HeadstartRegressor",
    "LoadedModel",
    "Predictions",
    "Verification",
    "load",
    "pretrain_head",
    "verify",
)

__all__ = [
    "CheckpointError",
    "DamageError",
    "DataError",
    "DivergedError",
    "HeadstartClassifier",
    "HeadstartError",
    "HeadstartRegressor",
    "InvariantError",
    "LoadedModel",
    "MachineError",
    "NewerError",
    "Predictions",
    "UsageError",
    "UsageErrors",
    "Verification",
    "load",
    "pretrain_head",
    "verify",
]


def __getattr__(name: str) -> object:
    """Import the library's face on first use: `import headstart` and the help stay light."""
    if name in FACE:
        from headstart import api

        return getattr(api, name)
    raise AttributeError(f"module 'headstart' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the names of the library's face, and the version."""
    return sorted([*__all__, "__version__"])
