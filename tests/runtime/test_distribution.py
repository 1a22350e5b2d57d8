"""headstart-runtime imports what its pyproject.toml declares, and nothing of torch or headstart."""

from __future__ import annotations

import ast
import re
import sys
import tomllib

from tests.support.paths import REPOSITORY

RUNTIME = REPOSITORY / "runtime"


def imported() -> set[str]:
    """Return the packages that any module of the runtime imports."""
    found: set[str] = set()
    for path in (RUNTIME / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {each.name for each in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(str(node.module))
    return {name.partition(".")[0] for name in found} - {*sys.stdlib_module_names, "headstart_runtime"}


def test_it_imports_what_it_declares_and_nothing_else() -> None:
    text = (RUNTIME / "pyproject.toml").read_text(encoding="utf-8")
    declared = {re.split(r"[>=<]", each)[0] for each in tomllib.loads(text)["project"]["dependencies"]}
    assert imported() == declared == {"numpy", "onnxruntime", "tokenizers", "xxhash"}
    lines = re.findall(r'^  "[^"]+",.*$', text, re.MULTILINE)
    assert [line for line in lines if not re.search(r"# \w", line)] == []
