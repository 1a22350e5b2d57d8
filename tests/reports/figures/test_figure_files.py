"""Figures for a paper: standalone, equal bytes, no clock."""

from __future__ import annotations

import builtins
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from headstart.comparison.report import read_report
from headstart.errors import UsageError
from headstart.reports.figures.figure_files import standalone_svg, write_report_figures
from headstart.reports.figures.gallery import all_figures
from tests.support.stores import make_record, write_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    records = [
        make_record(label, seed, score + seed / 90, task=task, stage1=0.6 if label != "finetune" else None)
        for task in ("a/one", "two")
        for label, score in (("finetune", 0.7), ("lp_ft", 0.71), ("eh_ft(lora)", 0.73))
        for seed in range(3)
    ]
    return write_store(tmp_path / "runs", records, with_metrics=True)


def test_a_standalone_figure_needs_nothing_else(store: Path):
    for figure in all_figures(read_report(store)):
        svg = standalone_svg(figure)
        root = ElementTree.fromstring(svg.encode())
        assert "var(" not in svg
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", svg)
        said = "".join(root.itertext())
        assert all(series.label in said for series in figure.legend)
        assert float(root.get("height", "0")) >= figure.height


def test_names_are_unique_and_say_what_they_are(store: Path):
    names = [figure.name for figure in all_figures(read_report(store))]
    assert len(names) == len(set(names))
    assert {"forest-1-lp-ft", "slope-1-a-one", "cost-2-two", "learning-1-a-one", "best-2-two"} <= {
        re.sub(r"^forest-\d", "forest-1", name) for name in names
    }


def test_files_are_equal_and_have_no_date(store: Path, tmp_path: Path):
    pytest.importorskip("cairosvg", reason="cairosvg is not installed")
    first, second = (write_report_figures(read_report(store), tmp_path / name) for name in ("x", "y"))
    assert {path.suffix for path in first} == {".svg", ".pdf"}
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        if one.suffix == ".pdf":
            assert one.read_bytes().startswith(b"%PDF-")
            assert b"CreationDate" not in one.read_bytes()


def test_a_missing_library_is_named_with_its_extra(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    load = builtins.__import__

    def refuse(name: str, *args: object, **kwargs: object) -> object:
        if name.startswith("cairo"):
            raise ImportError(f"No module named {name!r}")
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UsageError, match=r"headstart\[figures\]"):
        write_report_figures(read_report(store), tmp_path / "figures")
    assert not (tmp_path / "figures").exists()
