"""The layers and walls of the code, read from its imports (docs/architecture.md)."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY

SOURCE = REPOSITORY / "src"

LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("registry", "seeding", "option", "kinds", "costs"),
    ("metrics",),
    ("models", "tasks", "stats", "store"),
    ("adapters", "data", "artifacts", "reports"),
    ("strategies", "inference", "inspection"),
    ("training",),
    ("experiments",),
    ("sweeps", "pretraining"),
    ("estimators",),
    ("api", "auto"),
    ("cli",),
    ("__main__",),
)
"""From the ground up: a part imports from lines before its own, and from itself."""

HEAVY = ("torch", "transformers", "peft", "accelerate", "numpy", "scipy", "sklearn", "pandas", "pyarrow", "datasets")
NO_TORCH_PARTS = ("errors", "registry", "seeding", "option", "kinds", "costs", "metrics", "tasks", "stats", "store", "reports")
WALLS = {
    "peft": ("headstart.adapters",),
    "ray": ("headstart.sweeps.ray_executor",),
    "opacus": ("headstart.training.private",),
    "accelerate": ("headstart.training",),
    "transformers.Trainer": ("headstart.training",),
    "transformers.TrainingArguments": ("headstart.training",),
    "transformers.trainer": ("headstart.training",),
    "typer": ("headstart.cli",),
}
"""What may be imported only there."""
FORBIDDEN_EDGES = (("strategies", "store"), ("strategies", "data"), ("models", "data"), ("tasks", "store"))
"""Edges that the layers would allow and the design does not."""


@dataclass(frozen=True)
class Import:
    """One imported thing: `module` is where it lives, `name` what is taken from it (None for the module itself)."""

    importer: str
    module: str
    name: str | None
    line: int
    is_type_only: bool

    @property
    def target(self) -> str:
        return self.module if self.name is None else f"{self.module}.{self.name}"

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target}"


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def trees() -> dict[str, ast.Module]:
    return {module_name(path): ast.parse(path.read_text()) for path in sorted((SOURCE / "headstart").rglob("*.py"))}


@cache
def all_imports() -> tuple[Import, ...]:
    return tuple(found for module, tree in trees().items() for found in imports_of(module, tree))


def imports_of(module: str, tree: ast.Module) -> Iterator[Import]:
    type_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, None, node.lineno, id(node) in type_only)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: imports are written in full"
            for alias in node.names:
                target = f"{node.module}.{alias.name}"
                is_module = target in trees()
                yield Import(
                    module,
                    target if is_module else str(node.module),
                    None if is_module else alias.name,
                    node.lineno,
                    id(node) in type_only,
                )


def own_imports() -> list[Import]:
    """Return the imports between modules of headstart, without those of its face, which stands above all layers."""
    return [
        found
        for found in all_imports()
        if found.module.split(".")[0] == "headstart" and found.importer != "headstart" and found.module != "headstart"
    ]


def part(module: str) -> str:
    """Return the part of headstart that a module belongs to: `headstart.store.local` -> `store`."""
    return module.split(".")[1]


def line_of(module: str) -> int:
    return next(number for number, parts in enumerate(LAYERS) if part(module) in parts)


def is_inside(module: str, prefixes: tuple[str, ...]) -> bool:
    return any(module == prefix or module.startswith(prefix + ".") for prefix in prefixes)


def listed(faults: list[Import]) -> str:
    return "\n".join(str(fault) for fault in faults)


def test_every_part_has_its_layer() -> None:
    known = {name for parts in LAYERS for name in parts}
    found = {part(module) for module in trees() if module != "headstart"}
    assert found <= known


def test_a_module_imports_only_from_lines_below_its_own() -> None:
    faults = [
        found
        for found in own_imports()
        if part(found.importer) != part(found.module) and line_of(found.module) >= line_of(found.importer)
    ]
    assert not faults, listed(faults)


def test_edges_that_the_design_forbids_are_absent() -> None:
    faults = [found for found in own_imports() if (part(found.importer), part(found.module)) in FORBIDDEN_EDGES]
    assert not faults, listed(faults)


def test_names_are_imported_from_the_module_that_defines_them() -> None:
    faults = [
        found for found in own_imports() if found.name is not None and found.name not in defined_names(found.module)
    ]
    assert not faults, listed(faults)


def defined_names(module: str) -> set[str]:
    """Return what a module's top level defines; nothing for a module that does not exist."""
    names: set[str] = set()
    for node in trees()[module].body if module in trees() else []:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {leaf.id for target in targets for leaf in ast.walk(target) if isinstance(leaf, ast.Name)}
    return names


def test_imports_have_no_cycle() -> None:
    """Imports for types alone may point back: they bind nothing at run time. Those inside functions may not."""
    edges: dict[str, set[str]] = {module: set() for module in trees()}
    for found in own_imports():
        if not found.is_type_only:
            edges[found.importer].add(found.module)
    assert cycle_in(edges) is None


def cycle_in(edges: dict[str, set[str]]) -> list[str] | None:
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> list[str] | None:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return None
        for target in sorted(edges.get(module, ())):
            cycle = visit(target, [*path, module])
            if cycle is not None:
                return cycle
        done.add(module)
        return None

    return next((cycle for module in sorted(edges) if (cycle := visit(module, [])) is not None), None)


def test_a_cycle_would_be_found() -> None:
    assert cycle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert cycle_in({"a": {"b", "c"}, "b": {"c"}, "c": set()}) is None


@pytest.mark.parametrize("package", WALLS)
def test_walls_hold(package: str) -> None:
    faults = [
        found
        for found in all_imports()
        if is_inside(found.target, (package,)) and not is_inside(found.importer, WALLS[package])
    ]
    assert not faults, listed(faults)


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("module", ["headstart", "headstart.cli.main"])
def test_the_face_and_the_command_line_load_nothing_heavy(module: str) -> None:
    result = run_python(f"import {module}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))")
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []


def test_tables_can_be_rebuilt_without_torch() -> None:
    modules = [module for module in trees() if module != "headstart" and part(module) in NO_TORCH_PARTS]
    blocked = "for name in ('torch', 'transformers', 'peft', 'accelerate'): sys.modules[name] = None"
    result = run_python(f"{blocked}\nimport importlib\nfor module in {modules!r}: importlib.import_module(module)")
    assert result.returncode == 0, result.stderr


def test_models_are_read_through_one_door() -> None:
    """Only models/without_code.py calls what could run a model folder's code."""
    calls = [
        f"{module}:{node.lineno}"
        for module, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("from_pretrained", "from_config")
    ]
    assert len(calls) == 4, calls
    assert {call.partition(":")[0] for call in calls} == {"headstart.models.without_code"}, calls
