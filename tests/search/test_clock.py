"""How a time limit is written."""

from __future__ import annotations

import pytest

from headstart.errors import UsageError
from headstart.search.clock import Clock, parse_seconds, require_limit


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5m", 90), (" 2M ", 120), ("1m30", 90)],
)
def test_a_time_is_read(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0m", "ten", "10 minutes", "-5", "1d", "m", "9" * 400])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="`time_limit`"):
        parse_seconds(text)


@pytest.mark.parametrize("seconds", [0.0, -5.0, float("inf"), float("nan")])
def test_a_number_that_is_no_limit_is_refused(seconds: float) -> None:
    with pytest.raises(UsageError, match="`time_limit` was given as"):
        require_limit(seconds, seconds)


def test_a_share_of_a_limit_is_past_once_it_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 125.0)
    assert Clock(100.0, begin=100.0).is_past(0.2)
    assert not Clock(100.0, begin=100.0).is_past(0.3)
    assert not Clock(None, begin=0.0).is_past(0.0)
