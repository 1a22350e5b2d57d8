"""Every strategy has a method card, and the README lists it."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.strategies.catalogue import STRATEGIES

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", STRATEGIES.names())
def test_a_strategy_has_a_card_and_a_row(name: str) -> None:
    card = ROOT / "docs" / "strategies" / f"{name}.md"
    assert card.read_text().startswith(f"# `{name}`")
    assert f"[`{name}`](docs/strategies/{name}.md)" in (ROOT / "README.md").read_text()
