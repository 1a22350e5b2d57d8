"""headstart: fine-tune pretrained models for classification, and give the head a head start."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from headstart.api import HeadstartClassifier, HeadstartRegressor, load, pretrain_head

__all__ = ["HeadstartClassifier", "HeadstartRegressor", "load", "pretrain_head"]


def __getattr__(name: str) -> object:
    """Import the library's face on first use: `import headstart` and the help stay light."""
    if name in __all__:
        from headstart import api

        return getattr(api, name)
    raise AttributeError(f"module 'headstart' has no attribute {name!r}")
