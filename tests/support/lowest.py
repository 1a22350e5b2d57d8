"""The lowest versions that pyproject.toml allows, as requirements for pip.

`python -m tests.support.lowest base EXTRA ...` prints those of headstart's own dependencies and of extras; without
`base`, those of the extras alone. Beside them stands what tests need, as constraints.txt pins it.
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


BASE = "base"


def requirements(groups: Iterable[str]) -> list[str]:
    """Return NAME==VERSION of each dependency of some groups at its lowest, and of what tests need.

    Raises:
        ValueError: if a dependency has no lowest version.
    """
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stated = {BASE: project["dependencies"]} | project["optional-dependencies"]
    lowest = dict(_lowest(line) for group in groups for line in stated[group] if line != "headstart-runtime")
    pinned = dict(_pins())
    lowest |= {name: pinned[name] for name in (*AS_PINNED, *TOOLS)}
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
