"""What can be wrong with the file of an image or a sound, and with the packages that read them."""

from __future__ import annotations

import importlib.util

from headstart.errors import UsageError


class MediaError(ValueError):
    """A file that is not read; its message goes on after the file's name, as in "is empty"."""


def require_package(module: str, extra: str) -> None:
    """Refuse to go on without a package that an extra of headstart installs.

    Raises:
        UsageError: if it is missing.
    """
    if importlib.util.find_spec(module) is None:
        raise UsageError(
            f"{extra} cannot be read: a package is missing", remedy=f"  Install it: pip install 'headstart[{extra}]'"
        )
