"""`headstart report --figures`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.support.stores import make_record, write_store


def test_figures_are_written_beside_the_page(cli: Cli, tmp_path: Path):
    pytest.importorskip("cairosvg", reason="cairosvg is not installed")
    write_store(tmp_path / "runs", [make_record(), make_record("lp_ft", score=0.8)])
    code, out, err = cli("report", "runs", "--figures", "figures")
    assert code == 0, err
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert {"cost-1-demo.pdf", "cost-1-demo.svg", "forest.pdf", "slope-1-demo.svg"} <= set(names)
    assert f"figures: {len(names)} files in figures" in out
    assert (tmp_path / "report.html").is_file()
