"""headstart-runtime imports what its pyproject.toml declares, and nothing of torch or headstart."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from tests.support.paths import REPOSITORY

RUNTIME = REPOSITORY / "runtime"


SERVER = RUNTIME / "src" / "headstart_runtime" / "server"
NOT_IMPORTED = {"httptools"}
"""uvicorn takes it where it is."""


def imported(paths: Iterable[Path]) -> set[str]:
    """Return the packages that modules import."""
    found: set[str] = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {each.name for each in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(str(node.module))
    return {name.partition(".")[0] for name in found} - {*sys.stdlib_module_names, "headstart_runtime"}


def names(requirements: Iterable[str]) -> set[str]:
    return {re.split(r"[>=<;]", each)[0] for each in requirements}


def test_it_imports_what_it_declares_and_nothing_else() -> None:
    text = (RUNTIME / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    declared = names(project["dependencies"])
    serve, images = (names(project["optional-dependencies"][extra]) for extra in ("serve", "images"))
    modules = {*(RUNTIME / "src").rglob("*.py")}
    server = {path for path in modules if path.is_relative_to(SERVER)}
    assert len(server) >= 10
    assert imported(modules - server) - {"PIL"} == declared == {"numpy", "onnxruntime", "tokenizers", "xxhash"}
    assert imported(server) - declared == serve - NOT_IMPORTED
    assert images == {"pillow"}
    lines = re.findall(r'^  "[^"]+",.*$', text, re.MULTILINE)
    assert len(lines) == len(declared) + len(serve) + len(images)
    assert [line for line in lines if not re.search(r"# \w", line)] == []
