"""The map of when a head start helps: cells of a table and so many rows a class, and how much it gains there.

    python -m benchmarks.map [--data-root ../shared/data] [--out runs/map] [--jobs 2] [--only sst2-8] [--page FOLDER]

Each cell is an ordinary `headstart compare` with recipes/map.yaml, in a store of its own under `--out`; its recipe lies
beside the store. Called again, finished runs are not repeated. `--jobs` runs are done at once. At the
end (and with `--only-page` without any run) the page, the figure and the numbers of all finished cells are written.

The cells were chosen before any was run: SST-2 with 8, 32 and 128 rows a class shows the trend on single texts with two
classes, Banking77 has 77 classes with 8 rows each, CoLA is a task that the encoder's vectors say little about, and RTE
is one of pairs. RTE has fewer updates and seeds, since its texts are four times as long.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.map_page import CellGains, read_gains, write_map

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "recipes" / "map.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A table with so many rows of each class.

    Attributes:
        table: a short name for the page and for folders.
        source: the options of `compare` that name the table; paths are below the folder of the data.
        changes: options that differ from the recipe's.
    """

    table: str
    rows_per_class: int
    source: dict[str, Any]
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the cell's store."""
        return f"{self.table.lower()}-{self.rows_per_class}"


BANKING = {"file": "user/banking77/train.csv", "validation": "user/banking77/test.csv", "label": "category"}
CELLS = (
    Cell(table="SST-2", rows_per_class=8, source={"tasks": ["glue/sst2"]}),
    Cell(table="SST-2", rows_per_class=32, source={"tasks": ["glue/sst2"]}),
    Cell(table="SST-2", rows_per_class=128, source={"tasks": ["glue/sst2"]}),
    Cell(table="Banking77", rows_per_class=8, source=BANKING),
    Cell(table="CoLA", rows_per_class=32, source={"tasks": ["glue/cola"]}),
    Cell(table="RTE", rows_per_class=32, source={"tasks": ["glue/rte"]}, changes={"steps": 40, "seeds": 3}),
)


def main() -> int:
    """Run what is missing, then write the page; 1 when a cell failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "map")
    parser.add_argument("--page", type=Path, help="Folder for page, figure and numbers. (Default: --out.)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=[], help=f"Cells: {', '.join(cell.name for cell in CELLS)}.")
    parser.add_argument("--only-page", action="store_true")
    given = parser.parse_args()
    unknown = set(given.only) - {cell.name for cell in CELLS}
    if unknown:
        parser.error(f"no such cell: {', '.join(sorted(unknown))}")
    wanted = [cell for cell in CELLS if not given.only or cell.name in given.only]
    codes = [] if given.only_page else run_cells(wanted, given.data_root.resolve(), given.out.resolve(), given.jobs)
    gains = gains_of(given.out)
    if gains:
        write_map(given.page or given.out, gains)
    return max(codes, default=0)


def run_cells(cells: list[Cell], data_root: Path, out: Path, jobs: int) -> list[int]:
    """Have all runs of the cells finished, cell by cell; return their exit codes."""
    out.mkdir(parents=True, exist_ok=True)
    return [_run_cell(cell, data_root, out, jobs) for cell in cells]


def recipe_of(cell: Cell, data_root: Path, store: Path) -> dict[str, Any]:
    """Return the options of one cell."""
    common = {name: value for name, value in yaml.safe_load(RECIPE.read_text()).items() if name != "tasks"}
    is_task = "tasks" in cell.source
    paths = {name: str(data_root / value) for name, value in cell.source.items() if name in ("file", "validation")}
    root = {"data_root": str(data_root)} if is_task else {}
    here = {"rows_per_class": cell.rows_per_class, "store": str(store)}
    return common | cell.changes | cell.source | paths | root | here


def gains_of(out: Path) -> list[CellGains]:
    """Return what the cells say that have finished runs."""
    return [
        read_gains(out / cell.name, cell.table, cell.rows_per_class) for cell in CELLS if (out / cell.name).is_dir()
    ]


def _run_cell(cell: Cell, data_root: Path, out: Path, jobs: int) -> int:
    recipe = out / f"{cell.name}.yaml"
    recipe.write_text(yaml.safe_dump(recipe_of(cell, data_root, out / cell.name), sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "headstart", "compare", str(recipe), "--jobs", str(jobs)]
    with (out / f"{cell.name}.log").open("a", encoding="utf-8") as log:
        done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
    print(f"{cell.name}: {'finished' if done.returncode == 0 else f'failed, see {log.name}'}", flush=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
