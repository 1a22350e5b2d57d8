"""The wheels: what they carry, and that they are enough in an environment that has nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from headstart import __version__
from tests.support.paths import REPOSITORY

pytestmark = pytest.mark.slow

PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet")
SOURCES = {"headstart": REPOSITORY, "headstart_runtime": REPOSITORY / "runtime"}


def run(*command: object, cwd: Path) -> str:
    """Run a program as a person does who has no clone: nothing of this one is on its path."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "HEADSTART_CACHE")}
    done = subprocess.run(
        [str(each) for each in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def with_an_index() -> bool:
    """Whether pip reaches an index of packages: without one nothing can be built or installed."""
    asked = [sys.executable, *PIP, "install", "--dry-run", "--no-deps", "--ignore-installed", "hatchling"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the wheel of each distribution, built from the sources here."""
    if not with_an_index():
        pytest.skip("no package index can be reached")
    folder = tmp_path_factory.mktemp("wheels")
    for source in SOURCES.values():
        run(sys.executable, *PIP, "wheel", "--no-deps", "--wheel-dir", folder, source, cwd=folder)
    return {name: next(folder.glob(f"{name}-*.whl")) for name in SOURCES}


def package_files(name: str) -> Iterator[str]:
    source = SOURCES[name] / "src"
    for path in (source / name).rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(source).as_posix()


@pytest.mark.parametrize("name", SOURCES)
def test_a_wheel_carries_the_package_and_nothing_else(name: str, wheels: dict[str, Path]) -> None:
    with zipfile.ZipFile(wheels[name]) as wheel:
        carried = set(wheel.namelist())
    about = f"{wheels[name].name.removesuffix('-py3-none-any.whl')}.dist-info"
    beside = {each.removeprefix(f"{about}/") for each in carried if each.startswith(f"{about}/")}
    assert carried - {f"{about}/{each}" for each in beside} == set(package_files(name))
    assert f"{name}/py.typed" in carried
    assert {"METADATA", "WHEEL", "RECORD"} <= beside
    assert beside <= {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    if name == "headstart":
        assert "licenses/LICENSE" in beside
        assert {Path(each).suffix for each in carried if each.startswith("headstart/")} >= {
            ".j2",
            ".css",
            ".js",
            ".toml",
        }


def environment_of(folder: Path, *requirements: object) -> Path:
    """Make an environment with nothing but some requirements, as pinned; return the folder of its programs."""
    run(sys.executable, "-m", "venv", folder, cwd=folder.parent)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    constraints = REPOSITORY / "constraints.txt"
    run(programs / "python", *PIP, "install", "-c", constraints, *requirements, cwd=folder.parent)
    return programs


def test_headstart_s_wheel_is_enough(wheels: dict[str, Path], tmp_path: Path) -> None:
    programs = environment_of(tmp_path / "venv", f"{wheels['headstart']}[demo]")
    headstart = programs / "headstart"
    assert run(headstart, "--version", cwd=tmp_path) == f"headstart {__version__}\n"
    assert "super_glue/cb" in run(headstart, "tasks", cwd=tmp_path)
    assert "lp_ft:fit" in run(headstart, "demo", cwd=tmp_path)
    run(headstart, "inspect", "--task", "demo", "--out", "rows.html", cwd=tmp_path)
    for page in ("demo-report.html", "rows.html"):
        text = (tmp_path / page).read_text(encoding="utf-8")
        assert text.startswith("<!doctype html>")
        assert "<style>" in text


def test_the_runtime_s_wheel_needs_no_torch(wheels: dict[str, Path], tmp_path: Path) -> None:
    python = environment_of(tmp_path / "venv", wheels["headstart_runtime"]) / "python"
    code = "import importlib.util, headstart_runtime as r; print(r.__version__, importlib.util.find_spec('torch'))"
    assert run(python, "-c", code, cwd=tmp_path) == f"{__version__} None\n"
