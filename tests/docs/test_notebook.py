"""The notebook in `examples/`: its cells run one after another, and what it shows is what came out of them."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY
from tests.support.processes import ended, start

NOTEBOOK = REPOSITORY / "examples" / "from-dataframe-to-server.ipynb"


def code_of(notebook: Path) -> str:
    """Return the code of all cells; `jupyter execute --inplace` writes what they print into the file."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def run(code: str, folder: Path) -> None:
    os.chdir(folder)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    space: dict[str, object] = {"__name__": "__main__"}
    exec(compile(code, NOTEBOOK.name, "exec"), space)
    assert {"answers", "server"} <= space.keys()


def test_it_was_run_whole_and_shows_no_place_of_a_machine() -> None:
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert not any(output["output_type"] == "error" for cell in cells for output in cell["outputs"])
    assert "/home/" not in NOTEBOOK.read_text()


@pytest.mark.slow
def test_its_cells_run(tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    folder.mkdir()
    (tmp_path / "docs").mkdir()
    shutil.copytree(REPOSITORY / "docs" / "tutorials", tmp_path / "docs" / "tutorials")
    process = start(run, code_of(NOTEBOOK), folder, output=tmp_path / "said")
    code = ended(process, seconds=600)
    said = (tmp_path / "said").read_text()
    assert code == 0, said
    assert "serving my-model-onnx" in said
    assert "alarm" in said
