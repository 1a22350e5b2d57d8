"""What the image of runtime/Dockerfile takes: counted from the packages that are installed here, not from a build."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement

from tests.support.paths import REPOSITORY

RUNTIME = REPOSITORY / "runtime"
BASE_MB = 130
"""python:3.12-slim on amd64, unpacked, rounded up: what its registry said in 2025. Not measured here."""
MOST_MB = 400
UNWANTED = {"torch", "transformers", "headstart", "onnx", "onnxscript", "scipy", "pandas", "pyarrow"}


def wanted() -> list[Requirement]:
    """Return what the Dockerfile installs, as runtime/pyproject.toml names it."""
    project = tomllib.loads((RUNTIME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    return [Requirement(each) for each in (*project["dependencies"], *extras["serve"], *extras["images"])]


def closure(requirements: list[Requirement]) -> dict[str, Distribution]:
    """Return these distributions and all that they need, by name."""
    found: dict[str, Distribution] = {}
    waiting = [(each, "") for each in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": extra})):
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            pytest.skip(f"{name} is not installed: pip install './runtime[serve,images]'")
        each_extra = ["", *requirement.extras]
        waiting += [(Requirement(text), each) for text in found[name].requires or [] for each in each_extra]
    return found


def sizes(made: Distribution) -> Iterator[int]:
    for file in made.files or []:
        if not file.name.endswith(".pyc"):
            path = file.locate()
            yield path.stat().st_size if path.exists() else 0  # type: ignore[attr-defined]  # a Path


def test_the_image_is_small_and_holds_no_torch() -> None:
    parts = {name: sum(sizes(each)) / 1e6 for name, each in closure(wanted()).items()}
    assert not UNWANTED & set(parts)
    assert {"onnxruntime", "tokenizers", "numpy", "fastapi", "uvicorn", "pillow"} <= set(parts)
    largest = ", ".join(f"{name} {size:.0f}" for name, size in sorted(parts.items(), key=lambda each: -each[1])[:5])
    print(f"base {BASE_MB} MB and {sum(parts.values()):.0f} MB of packages: {largest}")
    assert 50 < sum(parts.values()) < MOST_MB - BASE_MB


def test_the_image_runs_as_nobody_what_the_command_line_has() -> None:
    text = (RUNTIME / "Dockerfile").read_text(encoding="utf-8")
    said = dict(re.findall(r"^([A-Z]+) (.+)$", text, re.MULTILINE))
    assert said["USER"] == "10001:10001"
    assert said["ENTRYPOINT"] == '["python", "-m", "headstart_runtime", "serve", "--host", "0.0.0.0"]'
    for source in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE):
        assert all((RUNTIME / name).exists() for name in source.split()), source
    ignored = (RUNTIME / ".dockerignore").read_text(encoding="utf-8").split()
    assert ignored[0] == "*"
    assert {f"!{name}" for name in ("pyproject.toml", "README.md", "src")} <= set(ignored)
