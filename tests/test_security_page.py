"""SECURITY.md names modules and tests that are there: each line of its table is held by some."""

from __future__ import annotations

import re

from tests.support.paths import REPOSITORY


def test_every_line_names_where_it_is_checked_and_tested() -> None:
    page = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
    lines = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("| ")][1:]
    assert len(lines) >= 9
    for _, modules, tests in lines:
        places = re.findall(r"`([^`]+)`", modules), re.findall(r"`([^`]+)`", tests)
        assert all(places)
        assert all((REPOSITORY / "src/headstart" / name).is_file() for name in places[0])
        assert all((REPOSITORY / name).is_file() for name in places[1])
