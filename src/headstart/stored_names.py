"""Names that stand in files of a store or of a model folder are checked where they are read, by one module.

A name becomes a part of a path: of a stage's folder, of an experiment's folder. One that says `../..` or is a whole
path would lead reading and writing out of the folder that somebody handed over.
"""

from __future__ import annotations

import re

MOST_CHARACTERS = 128
"""Of a name that is a part of a path by itself; a SHA-256 has 64."""
MOST_BYTES = 200
"""Of a name that is a part of a file's name: systems take 255 in all."""
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+=-]*")


def require_part(what: str, name: str) -> str:
    """Return a name that may be a part of a path: letters, digits and `_.+=-`, with no dot or dash first.

    Raises:
        ValueError: if it is anything else; `what` says what is named, as in "a stage's name".
    """
    if len(name) > MOST_CHARACTERS or not _PLAIN.fullmatch(name):
        raise ValueError(f"{what} is letters, digits and `_.+=-`, at most {MOST_CHARACTERS}, got {_shown(name)}")
    return name


def require_seed(seed: int) -> int:
    """Return a seed, a whole number from 0 to 2**63 - 1.

    Raises:
        ValueError: if it is anything else.
    """
    if not 0 <= seed < 1 << 63:
        raise ValueError(f"a seed is a whole number from 0 to 2**63 - 1, got {seed}")
    return seed


def require_file_word(what: str, name: str) -> str:
    """Return a name that stands in the name of a file, its slashes replaced: of rows, of a task.

    Raises:
        ValueError: if it is empty, too long for a file's name, or not the name of any file.
    """
    if not name or len(name.encode(errors="replace")) > MOST_BYTES or "\0" in name:
        raise ValueError(f"{what} has 1 to {MOST_BYTES} bytes, none of them zero, got {_shown(name)}")
    return name


def _shown(name: str) -> str:
    return repr(name) if len(name) <= MOST_CHARACTERS else f"{name[:40]!r}... ({len(name)} characters)"
