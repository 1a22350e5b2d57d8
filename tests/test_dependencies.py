"""What the source imports is declared, and what is declared is imported."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

from tests.support.paths import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NOT_IMPORTED = {"accelerate"}
"""Trainer runs on it."""


def _name(requirement: str) -> str:
    """Return a distribution's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0]).lower()


def _imported() -> dict[str, str]:
    """Return the foreign packages that the source imports anywhere, each with a file that does."""
    found: dict[str, str] = {}
    for path in (REPOSITORY / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
                names = [node.module]
            found |= {name.partition(".")[0]: path.name for name in names}
    return {name: file for name, file in found.items() if name not in {*sys.stdlib_module_names, "headstart"}}


def test_every_import_is_declared_and_every_dependency_imported() -> None:
    base = {_name(requirement) for requirement in PROJECT["dependencies"]}
    extras = {
        _name(each) for name, extra in PROJECT["optional-dependencies"].items() if name != "dev" for each in extra
    }
    distributions = packages_distributions()
    imported = {_name(name) for package in _imported() for name in distributions.get(package, [package])}
    assert {"torch", "tokenizers", "markupsafe", "pyyaml"} <= imported
    assert imported <= base | extras
    assert base - imported == NOT_IMPORTED


def test_every_dependency_says_what_it_is_for() -> None:
    lines = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8").partition("dependencies = [")[2]
    requirements = re.findall(r'^  "[^"]+",.*$', lines.partition("[project.scripts]")[0], re.MULTILINE)
    assert len(requirements) > 20
    assert [line for line in requirements if not re.search(r"# \w", line)] == []
