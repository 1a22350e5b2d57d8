"""How a time limit is written."""

from __future__ import annotations

import pytest

from headstart.errors import UsageError
from headstart.search.clock import parse_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5m", 90), (" 2M ", 120), ("1m30", 90)],
)
def test_a_time_is_read(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0m", "ten", "10 minutes", "-5", "1d", "m"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="`time_limit`"):
        parse_seconds(text)
