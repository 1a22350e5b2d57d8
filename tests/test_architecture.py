"""The layers and walls of the code, read from its imports (docs/architecture.md)."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import headstart.kinds.catalogue  # noqa: F401, fills KINDS
from headstart.kinds.kind import KINDS
from tests.support import module_list
from tests.support.paths import REPOSITORY

SOURCE = REPOSITORY / "src"

LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "launcher"),
    ("process_state", "temporary"),
    ("machine",),
    ("atomic_files", "safe_files"),
    (
        "registry",
        "seeding",
        "option",
        "costs",
        "hardware",
        "shares",
        "processes",
        "cache",
        "manifest",
        "hub",
        "stored_names",
        "spreadsheet_cells",
        "shown_text",
        "dealing",
    ),
    ("losses", "executor_options"),
    ("kinds", "metrics", "media"),
    ("models", "tables", "tasks", "stats", "fitted", "store"),
    ("adapters", "data", "artifacts", "comparison", "ray_cluster"),
    ("reports",),
    ("strategies", "inference", "inspection"),
    ("training", "onnx_export", "serving"),
    ("experiments",),
    ("sweeps", "pretraining"),
    ("search",),
    ("estimators",),
    ("api", "auto"),
    ("cli",),
    ("__main__",),
)
"""From the ground up: a part imports from lines before its own, and from itself."""

HEAVY = ("torch", "transformers", "peft", "accelerate", "numpy", "scipy", "sklearn", "pandas", "pyarrow", "datasets")
NO_TORCH_PARTS = (
    *(
        "errors",
        "launcher",
        "process_state",
        "registry",
        "seeding",
        "option",
        "losses",
        "kinds",
        "media",
        "costs",
        "metrics",
        "cache",
        "manifest",
        "hub",
        "atomic_files",
        "machine",
        "temporary",
        "safe_files",
        "stored_names",
        "spreadsheet_cells",
        "shown_text",
        "dealing",
    ),
    *("tasks", "stats", "fitted", "store", "comparison", "reports", "tables", "data", "inspection", "serving"),
)
TORCH_MODULES = (
    *("headstart.data.batching", "headstart.data.class_batches", "headstart.data.token_cache"),
    "headstart.inspection.doctor",
)
"""What makes batches or looks into a model, in parts that otherwise read tables."""
KINDS_FACE = tuple(f"headstart.kinds.{name}" for name in ("kind", "catalogue", "cells", "spelling"))
"""What others may know of kinds; the rest is one kind each."""
WALLS = {
    "peft": ("headstart.adapters",),
    "ray": ("headstart.ray_cluster", "headstart.sweeps.ray_executor", "headstart.inference.ray_answers"),
    "opacus": ("headstart.training.private",),
    "accelerate": ("headstart.training",),
    "transformers.Trainer": ("headstart.training",),
    "transformers.TrainingArguments": ("headstart.training",),
    "transformers.trainer": ("headstart.training",),
    "typer": ("headstart.cli",),
    **dict.fromkeys(("PIL", "soundfile"), ("headstart.media",)),
    **dict.fromkeys(
        ("onnx", "onnx_ir", "onnxscript", "onnxruntime", "transformers.exporters"), ("headstart.onnx_export",)
    ),
    "headstart_runtime": ("headstart.onnx_export", "headstart.serving", "headstart.inference.onnx_network"),
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


BLOCKED = "for name in ('torch', 'transformers', 'peft', 'accelerate'): sys.modules[name] = None\n"


def test_tables_can_be_read_and_rebuilt_without_torch() -> None:
    parts = [module for module in trees() if module != "headstart" and part(module) in NO_TORCH_PARTS]
    modules = [module for module in parts if module not in TORCH_MODULES]
    result = run_python(f"{BLOCKED}import importlib\nfor module in {modules!r}: importlib.import_module(module)")
    assert result.returncode == 0, result.stderr


def test_models_are_read_through_one_door() -> None:
    """Only models/without_code.py calls what could run a model folder's code."""
    calls = [
        f"{module}:{node.lineno}"
        for module, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("from_pretrained", "from_config")
    ]
    assert len(calls) == 6, calls
    assert {call.partition(":")[0] for call in calls} == {"headstart.models.without_code"}, calls


@pytest.mark.parametrize(
    ("label", "kind"), [("a", "classification"), ("a|b", "multi_label"), (".5", "regression"), ("0", "multiple_choice")]
)
def test_a_file_of_any_kind_is_read_and_inspected_without_torch(label: str, kind: str, tmp_path: Path) -> None:
    other = {"classification": "b", "multi_label": "", "regression": "2", "multiple_choice": "1"}[kind]
    rows = "".join(f"t{row},x,y,{label if row % 2 else other}\n" for row in range(12))
    (tmp_path / "t.csv").write_text(f"text,left,right,label\n{rows}")
    options = {"multi_label": "separator='|'", "multiple_choice": "choices=('left', 'right')"}.get(kind, "")
    result = run_python(
        f"""{BLOCKED}
from headstart.data.user_rows import load_file
from headstart.tables.file_options import FileOptions
from headstart.inspection.data import inspect_data
data = load_file({str(tmp_path / "t.csv")!r}, FileOptions(text='text', label='label', {options}))
task, rows = data.task, data.training
labels = task.kind.label_array(rows.labels, task.num_labels)
are_answers = [constant.shape == labels.shape[1:] for constant in task.kind.constants(labels)]
print(inspect_data(data).kind, len(labels), all(are_answers))
print(task.kind.prediction_fields(task.labels, 2)[0].name, task.metrics)
"""
    )
    assert result.stdout.split()[:3] == [kind, "10", "True"], result.stdout + result.stderr


def test_what_a_kind_is_stands_in_its_file_alone() -> None:
    faults = [
        found
        for found in own_imports()
        if part(found.module) == "kinds" and part(found.importer) != "kinds" and found.module not in KINDS_FACE
    ]
    assert not faults, listed(faults)


def test_no_kind_is_compared_with_another() -> None:
    names = {path.stem for path in (SOURCE / "headstart" / "kinds").glob("*.py")} & set(KINDS)
    assert names == set(KINDS)
    faults = [
        f"{module}:{node.lineno}: {ast.unparse(node)}"
        for module, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare | ast.match_case) and asks_for_a_kind(node, names)
    ]
    assert not faults, "\n".join(faults)


def asks_for_a_kind(node: ast.AST, names: set[str]) -> bool:
    """Tell whether a comparison names a kind: by its name, or through the catalogue."""
    leaves = list(ast.walk(node))
    by_name = any(isinstance(leaf, ast.Constant) and leaf.value in names for leaf in leaves)
    through = any(isinstance(leaf, ast.Name) and leaf.id in ("kind_named", "DEFAULT_KIND") for leaf in leaves)
    return by_name or through


def test_a_comparison_of_kinds_would_be_found() -> None:
    for code in ("kind == kind_named('x')", "kind in (DEFAULT_KIND,)", "kind.name == 'regression'"):
        assert asks_for_a_kind(ast.parse(code, mode="eval").body, {"regression"})
    assert not asks_for_a_kind(ast.parse("event.kind == 'started'", mode="eval").body, {"regression"})


def test_the_page_has_the_layers_as_they_are() -> None:
    block = module_list.PAGE.read_text(encoding="utf-8").partition("## Layers")[2].split("```")[1]
    lines = [re.match(r"[a-z_]+( \| [a-z_]+)*", line) for line in block.splitlines()]
    said = [set(line[0].split(" | ")) for line in lines if line is not None and line[0] != "text"]
    assert said == [set(layer) for layer in reversed(LAYERS[:-1])], "`__main__` alone is not said"


def test_the_page_lists_every_module_as_it_is() -> None:
    page = module_list.PAGE.read_text(encoding="utf-8")
    assert page == module_list.rewritten(page), "run: python -m tests.support.module_list"
