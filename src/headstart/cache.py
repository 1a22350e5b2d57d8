"""Where files are kept that can be made again at any time."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path | None:
    """Return the cache's folder: `$HEADSTART_CACHE`, else `headstart` in `$XDG_CACHE_HOME`, else in `~/.cache`.

    None for a user without a home.
    """
    if own := os.environ.get("HEADSTART_CACHE"):
        return Path(own).absolute()
    # A relative path is to be ignored: freedesktop.org, XDG Base Directory Specification.
    shared = os.environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(shared) if os.path.isabs(shared) else Path.home() / ".cache") / "headstart"
    except RuntimeError:
        return None
