"""The matrix's outcomes as a file that `doctor` reads, and as a page for people."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tests.matrix.cells import (
    ADAPTERS,
    FITTED,
    IMAGES_AND_AUDIO,
    OTHER_THAN_LORA,
    TEXTS,
    Cell,
    adapter_cells,
    fitted_cells,
    other_cells,
    strategy_cells,
)

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "src" / "headstart" / "inspection" / "proven.json"
PAGE = ROOT / "docs" / "architectures.md"

Outcomes = dict[str, dict[str, str | None]]
"""Reason by architecture and column; None where it works."""


def measure(outcome: Callable[[Cell], str | None]) -> dict[str, Outcomes]:
    """Return the outcomes of all cells, each found once: adapters, strategies and fitted heads by architecture."""
    outcome = functools.cache(outcome)
    return {
        "adapters": _by_architecture([*adapter_cells(), *other_cells()], lambda cell: str(cell.adapter), outcome),
        "strategies": _by_architecture(strategy_cells(), lambda cell: cell.strategy, outcome),
        "fitted": _by_architecture(fitted_cells(), lambda cell: cell.strategy, outcome),
    }


def _by_architecture(
    cells: Iterable[Cell], column: Callable[[Cell], str], outcome: Callable[[Cell], str | None]
) -> Outcomes:
    found: Outcomes = {}
    for cell in cells:
        found.setdefault(cell.architecture, {})[column(cell)] = outcome(cell)
    return found


def _by_cell(found: Mapping[str, Outcomes]) -> dict[Cell, str | None]:
    """Return each combination's outcome once: EH-FT with LoRA stands in both tables."""
    adapters, strategies, fitted = found["adapters"], found["strategies"], found["fitted"]
    in_first = {cell: adapters[cell.architecture][str(cell.adapter)] for cell in (*adapter_cells(), *other_cells())}
    in_second = {cell: strategies[cell.architecture][cell.strategy] for cell in strategy_cells()}
    return in_first | in_second | {cell: fitted[cell.architecture][cell.strategy] for cell in fitted_cells()}


def write(found: Mapping[str, Outcomes]) -> None:
    """Write the file and the page."""
    DATA.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    PAGE.write_text(page(found))


def read() -> dict[str, Outcomes]:
    """Return the committed outcomes."""
    outcomes: dict[str, Outcomes] = json.loads(DATA.read_text())
    return outcomes


def page(found: Mapping[str, Outcomes]) -> str:
    """Return the page."""
    adapters, strategies = found["adapters"], found["strategies"]
    outcomes = _by_cell(found)
    works = sum(outcome is None for outcome in outcomes.values())
    reasons = list(
        dict.fromkeys(
            _general(reason, column)
            for table in found.values()
            for row in table.values()
            for column, reason in row.items()
            if reason
        )
    )
    return "\n".join(
        [
            "# What works on which architecture",
            "",
            "Written by `python -m tests.matrix`; `make test-all` trains every cell again and holds the tables to it.",
            "",
            f"{len(outcomes)} combinations on tiny models: {works} trained, with every [invariant of the engine]"
            f"(guides/invariants.md) held, and {len(outcomes) - works} were refused before training. Not one "
            "crashed or ran without training what it declares.",
            "",
            "## Adapters",
            "",
            f"EH-FT with each adapter's default options; {' and '.join(IMAGES_AND_AUDIO)} through `hs.pretrain_head`. "
            "A number is the reason below.",
            "",
            *_table(adapters, (*TEXTS, *IMAGES_AND_AUDIO), ADAPTERS, reasons),
            "",
            "## Strategies",
            "",
            "With LoRA where a strategy takes an adapter"
            + "".join(f"; on {name} `{adapter}`" for name, adapter in OTHER_THAN_LORA.items())
            + ".",
            "",
            *_table(strategies, TEXTS, tuple(next(iter(strategies.values()))), reasons),
            "",
            "## Fitted heads",
            "",
            "Strategies that fit a head by a convex problem, with our `linear` head: the native head of most "
            "architectures has a hidden layer of its own.",
            "",
            *_table(found["fitted"], TEXTS, FITTED, reasons),
            "",
            "## Reasons",
            "",
            *(f"{number}. {reason}" for number, reason in enumerate(reasons, start=1)),
            "",
            "## Tensors that rightly get no gradient",
            "",
            "The engine stops a run whose head or adapter has a tensor that never had a gradient. The exceptions are:",
            "",
            "- key biases, everywhere: a number that is added to every key cancels in the softmax;",
            "- XLNet's `mask_emb`, `r_s_bias` and `seg_embed`, which classification does not use;",
            "- GLoRA's `D`, which is multiplied by a bias that may be zero;",
            "- tensors that are multiplied by others that start at zero (LoRA's A, a bottleneck's way down), in stages "
            "of a few updates and under unfreezing by schedule.",
            "",
            "In Longformer's last layer the first token attends through maps of its own. A head that reads this token "
            "alone gets nothing from the local queries, keys and values there, so adapters skip them, and BitFit skips "
            "their biases.",
            "",
        ]
    )


def _table(outcomes: Outcomes, rows: Iterable[str], columns: Iterable[str], reasons: list[str]) -> list[str]:
    names = list(columns)
    lines = ["| model | " + " | ".join(f"`{name}`" for name in names) + " |", "|---|" + "---|" * len(names)]
    for row in rows:
        marks = [_mark(outcomes[row][name], name, reasons) for name in names]
        lines.append(f"| {row} | " + " | ".join(marks) + " |")
    return lines


def _mark(outcome: str | None, column: str, reasons: list[str]) -> str:
    return "yes" if outcome is None else str(reasons.index(_general(outcome, column)) + 1)


def _general(reason: str, column: str) -> str:
    """Return a reason as it is for all columns alike."""
    return reason.replace(f" {column}:", " ADAPTER:")
