"""Every strategy has a method card, and the list of strategies has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.strategies.catalogue import STRATEGIES

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", STRATEGIES.names())
def test_a_strategy_has_a_card_and_a_row(name: str) -> None:
    card = ROOT / "docs" / "strategies" / f"{name}.md"
    assert card.read_text().startswith(f"# `{name}`")
    assert f"[`{name}`]({name}.md)" in (ROOT / "docs" / "strategies" / "index.md").read_text()
