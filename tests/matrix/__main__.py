"""`python -m tests.matrix`: train every cell and write what came out."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ |= {"HF_HUB_OFFLINE": "1"}

from tests.matrix.cells import Cell, outcome
from tests.matrix.table import DATA, PAGE, measure, write


def main() -> None:
    """Write the tables; where a cell is at fault, say so for each of them and write nothing."""
    begin, faults = time.monotonic(), list[str]()
    with tempfile.TemporaryDirectory() as folder:

        def run(cell: Cell) -> str | None:
            try:
                result = outcome(cell, Path(folder) / cell.architecture)
            except Exception as error:
                faults.append(f"{cell}: {type(error).__name__}: {error}")
                result = faults[-1]
            print(f"{time.monotonic() - begin:.0f} s {cell}: {result or 'works'}", flush=True)
            return result

        found = measure(run)
    if faults:
        sys.exit("\n\n".join([f"{len(faults)} cells at fault:", *faults]))
    write(found)
    print(f"wrote {DATA} and {PAGE}")


if __name__ == "__main__":
    main()
