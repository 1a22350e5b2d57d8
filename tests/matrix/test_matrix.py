"""Architecture by adapter by strategy: it trains with every invariant held, or is refused with the written reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from headstart.models.own_heads import HEADS
from headstart.registry import Spec
from headstart.strategies.catalogue import STRATEGIES
from tests.matrix.cells import (
    ADAPTER_STRATEGIES,
    ADAPTERS,
    FITTED,
    TEXTS,
    Cell,
    adapter_cells,
    choices_of,
    fitted_cells,
    other_cells,
    outcome,
    refusal,
    strategy_cells,
)
from tests.matrix.table import PAGE, page, read
from tests.support.runs import do_run

OWN_ADAPTERS = ("lora", "bitfit", "prefix", "bottleneck")


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("matrix")


def written(cell: Cell) -> str | None:
    """Return what the committed tables say of a cell."""
    found = read()
    if cell.strategy in FITTED and cell.head == "linear":
        return found["fitted"][cell.architecture][cell.strategy]
    if cell.adapter is not None:
        reason = found["adapters"][cell.architecture].get(cell.adapter)
        if reason is not None or cell.strategy == "pretrain_head":
            return reason
    return found["strategies"][cell.architecture][cell.strategy]


def slices() -> Iterator[Cell]:
    """Yield each architecture and adapter at least once, going through the others in turn."""
    size = max(len(TEXTS), len(ADAPTERS))
    for number in range(size):
        yield Cell(TEXTS[number % len(TEXTS)], "eh_ft", ADAPTERS[number % len(ADAPTERS)])
    yield from list(fitted_cells())[:: len(FITTED) + 1][: len(FITTED)]


def strategies_in_turn() -> Iterator[Cell]:
    """Yield each strategy with an architecture and, where it takes one, an adapter."""
    for number, strategy in enumerate(STRATEGIES):
        adapter = OWN_ADAPTERS[number % 4] if strategy in ADAPTER_STRATEGIES else None
        yield Cell(TEXTS[(number * 5) % len(TEXTS)], strategy, adapter)


def everything() -> Iterator[Cell]:
    """Yield the tables' cells, and every strategy that takes an adapter with every adapter of our own."""
    seen = set()
    for cell in (
        *strategies_in_turn(),
        *adapter_cells(),
        *strategy_cells(),
        *fitted_cells(),
        *other_cells(),
        *(Cell(a, s, own) for a in TEXTS for s in ADAPTER_STRATEGIES for own in OWN_ADAPTERS),
    ):
        if cell not in seen:
            seen.add(cell)
            yield cell


@pytest.mark.parametrize("cell", [pytest.param(cell, id=str(cell)) for cell in dict.fromkeys(slices())])
def test_a_slice_of_the_matrix(cell: Cell, folders: Path) -> None:
    assert outcome(cell, folders / cell.architecture) == written(cell)


@pytest.mark.slow
@pytest.mark.parametrize("cell", [pytest.param(cell, id=str(cell)) for cell in everything()])
def test_the_matrix(cell: Cell, folders: Path) -> None:
    assert outcome(cell, folders / cell.architecture) == written(cell)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", sorted(set(STRATEGIES) - {"contrastive"}))  # It refuses heads of two layers.
@pytest.mark.parametrize("head", tuple(HEADS))
def test_every_strategy_trains_every_head(head: str, strategy: str, folders: Path, tmp_path: Path) -> None:
    choices = choices_of(Cell("bert", strategy, None), folders / "bert", head=Spec(head))
    _, record = do_run(choices, tmp_path)
    assert all(stage.moved["head"] > 0 for stage in record.stages if stage.num_steps)


@pytest.mark.parametrize("architecture", TEXTS)
def test_the_written_refusals_are_todays(architecture: str, folders: Path) -> None:
    for cell in adapter_cells():
        if cell.architecture == architecture:
            assert refusal(cell, folders / architecture) == written(cell), cell


def test_the_page_is_written_from_the_file() -> None:
    assert PAGE.read_text() == page(read())
