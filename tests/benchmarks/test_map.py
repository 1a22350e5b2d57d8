"""The map without a run: its cells are recipes that `compare` understands, and its page says what stores hold."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

from benchmarks.map import CELLS, RECIPE, Cell, recipe_of
from benchmarks.map_page import read_gains, write_map
from headstart.experiments.methods import ComparedMethods
from headstart.registry import Spec
from tests.support.stores import make_record, write_store

MOST_RUNS = 200


def test_all_cells_together_are_at_most_two_hundred_runs() -> None:
    recipe = yaml.safe_load(RECIPE.read_text())
    columns = ComparedMethods(strategies=tuple(map(Spec.parse, recipe["strategies"])), adapters=(Spec("lora"),))
    seeds = [cell.changes.get("seeds", recipe["seeds"]) for cell in CELLS]
    assert sum(seeds) * len(columns.methods()) <= MOST_RUNS
    assert len({cell.name for cell in CELLS}) == len(CELLS)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_a_cells_recipe_names_its_table_and_its_rows(cell: Cell, tmp_path: Path) -> None:
    options = recipe_of(cell, tmp_path, tmp_path / "store")
    assert options["rows_per_class"] == cell.rows_per_class
    assert ("file" in options) != ("tasks" in options)
    assert options.items() >= cell.changes.items()
    assert yaml.safe_load(yaml.safe_dump(options)) == options


def test_the_page_holds_the_paired_differences(tmp_path: Path) -> None:
    baseline, better = (0.60, 0.70, 0.65), (0.70, 0.74, 0.75)
    for rows, shift in ((8, 0.0), (32, 0.1)):
        records = [
            make_record(label, seed, score + shift)
            for label, scores in (("finetune", baseline), ("lp_ft:fit", better))
            for seed, score in enumerate(scores)
        ]
        write_store(tmp_path / f"store-{rows}", records)
    cells = [read_gains(tmp_path / f"store-{rows}", "<Toy>", rows) for rows in (8, 32)]
    (gain,) = [gain for gain in cells[0].gains if gain.difference]
    assert gain.label == "lp_ft:fit"
    assert gain.difference is not None
    assert gain.difference.mean == pytest.approx((0.10 + 0.04 + 0.10) / 3)
    write_map(tmp_path, cells)
    page = (tmp_path / "map.html").read_text()
    assert "<Toy>" not in page
    assert "&lt;Toy&gt;" in page
    assert "+8.0" in page
    assert "12 runs in 2 cells" in (tmp_path / "map.md").read_text()
    assert [cell["rows_per_class"] for cell in json.loads((tmp_path / "map.json").read_text())] == [8, 32]
    (figure,) = tmp_path.glob("*.svg")
    assert ElementTree.parse(figure).getroot().tag.endswith("svg")
