"""The tutorials, word for word: their commands one after another in one folder, and their Python where it stands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY

TUTORIALS = REPOSITORY / "docs" / "tutorials"
BLOCK = re.compile(r"```(bash|python)\n(.*?)```", re.DOTALL)


def follow(name: str, folder: Path) -> str:
    """Do all that a tutorial says to do; return what was printed."""
    said = []
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    sources = os.pathsep.join(str(REPOSITORY / part) for part in ("src", "runtime/src"))
    environment = os.environ | {"PATH": path, "PYTHONPATH": sources, "HF_HUB_OFFLINE": "1"}
    for language, code in BLOCK.findall((TUTORIALS / name).read_text(encoding="utf-8")):
        command = ["bash", "-euo", "pipefail", "-c", code] if language == "bash" else [sys.executable, "-c", code]
        found = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=900
        )
        assert found.returncode == 0, f"{code}\n{found.stdout[-2000:]}{found.stderr[-2000:]}"
        said.append(found.stdout)
    return "".join(said)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("tutorial")
    shutil.copy(TUTORIALS / "requests.xlsx", folder)
    return folder, follow("first-classifier.md", folder)


def test_the_first_classifier(first: tuple[Path, str]) -> None:
    folder, said = first
    assert "classification into 24 classes" in said
    assert "['parcel']" in said
    assert re.search(r"six tomorrow,alarm,alarm,0\.\d+", said)
    page = (folder / "my-model.report.html").read_text()
    assert "labels that look wrong" in page.lower()


@pytest.mark.slow
def test_into_production(first: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = first
    shutil.copytree(folder / "my-model", tmp_path / "my-model")
    (tmp_path / "new.csv").write_text("request\n" + "Tell me something funny\n" * 30)
    (tmp_path / "labelled.csv").write_text("request,topic\nTell me something funny,joke\nCall my sister,call\n")
    said = follow("production.md", tmp_path)
    assert "(1, 24)" in said
    assert '"label":"weather"' in said.replace(": ", ":")
    assert (tmp_path / "answers-onnx.csv").read_text().count(",joke,") == 30
    assert (tmp_path / "answers.csv").read_text().count(",joke,") == 30


@pytest.mark.slow
def test_comparing_strategies(tmp_path: Path) -> None:
    said = follow("comparing-strategies.md", tmp_path)
    assert "lp_ft:fit" in said
    assert (tmp_path / "table.tex").read_text().startswith("%") or "tabular" in (tmp_path / "table.tex").read_text()
    assert list((tmp_path / "figures").glob("*.svg"))
