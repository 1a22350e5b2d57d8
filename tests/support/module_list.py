"""The list of modules in docs/architecture.md: each with the first sentence of its docstring.

python -m tests.support.module_list     # writes it anew
"""

from __future__ import annotations

import ast
import re
from itertools import groupby
from pathlib import Path

from tests.support.paths import REPOSITORY

PAGE = REPOSITORY / "docs" / "architecture.md"
SOURCE = REPOSITORY / "src" / "headstart"
HEADING = "## Every module\n"


def modules() -> list[tuple[str, str]]:
    """Return the path of each module below the package, and its first sentence; empty packages are left out."""
    found = []
    for path in sorted(SOURCE.rglob("*.py"), key=lambda path: (path.parent != SOURCE, path)):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        if docstring:
            found.append((path.relative_to(SOURCE).as_posix(), first_sentence(docstring)))
    return found


def first_sentence(docstring: str) -> str:
    """Return a docstring's first sentence on one line."""
    paragraph = " ".join(docstring.split("\n\n")[0].split())
    return re.split(r"(?<=[.?!]) (?=[A-Z`])", paragraph)[0].rstrip(".")


def section() -> str:
    """Return the page's section as it should be."""
    lines = [HEADING]
    for folder, group in groupby(modules(), key=lambda module: str(Path(module[0]).parent)):
        lines.append(f"**{'headstart' if folder == '.' else folder}**\n")
        lines.extend(f"- `{Path(path).name}`: {sentence}" for path, sentence in group)
        lines.append("")
    return "\n".join(lines)


def rewritten(page: str) -> str:
    """Return the page with the section as it should be; it is the page's last."""
    return page.partition(HEADING)[0] + section()


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
