"""The lowest versions that pyproject.toml allows, as requirements for pip.

`python -m tests.support.lowest EXTRA ...` prints those of headstart's own dependencies and of some extras, and beside
them what tests need, as constraints.txt pins it.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator

from tests.support.paths import REPOSITORY

TOOLS = ("pytest", "hypothesis", "openpyxl", "xlsxwriter", "odfpy", "polars")
AS_PINNED = ("torch",)
"""Not at its lowest: other builds than the pinned one are gigabytes."""
_LOWEST = re.compile(r"(?P<name>[\w.-]+)(?:\[[\w,]+\])?(?:>=|==)(?P<version>[\w.]+)")


def requirements(extras: Iterable[str]) -> list[str]:
    """Return NAME==VERSION of each dependency at its lowest, and of what tests need; a package comes once, as its last
    line says.

    Raises:
        ValueError: if a dependency has no lowest version.
    """
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stated = [*project["dependencies"], *(line for each in extras for line in project["optional-dependencies"][each])]
    pinned = dict(_pins())
    lowest = dict(map(_lowest, (line for line in stated if line != "headstart-runtime")))
    lowest |= {name: pinned[name] for name in AS_PINNED}
    lowest |= {name: pinned[name] for name in TOOLS if name in pinned}
    return [f"{name}=={version}" for name, version in lowest.items()]


def _lowest(requirement: str) -> tuple[str, str]:
    found = _LOWEST.match(requirement)
    if found is None:
        raise ValueError(f"{requirement} has no lowest version")
    return found["name"].lower(), found["version"]


def _pins() -> Iterator[tuple[str, str]]:
    for line in (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if "==" in line:
            name, version = line.split("==")
            yield name.lower(), version


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1:])))
