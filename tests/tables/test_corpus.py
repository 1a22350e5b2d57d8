"""Every small file of tests/data/tables gives what its manifest says, or is refused with these words."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from headstart.data.user_rows import UncutRows, read_file
from headstart.errors import HeadstartError
from headstart.option import read_options
from headstart.tables.file_options import FileOptions
from tests.support.paths import REPOSITORY

FOLDER = REPOSITORY / "tests" / "data" / "tables"
CASES = tomllib.loads((FOLDER / "expected.toml").read_text(encoding="utf-8"))["table"]
LONGEST_LINE = 400
"""Characters of a line of a refusal; the path of the file is in it."""


def read(case: dict[str, Any]) -> UncutRows:
    name = case["file"]
    where = name if "://" in name else str(FOLDER / name)
    return read_file(where, read_options(FileOptions, case.get("options", {})))


def named(case: dict[str, Any]) -> str:
    return " ".join([case["file"], *(f"{name}={value}" for name, value in case.get("options", {}).items())])


@pytest.mark.parametrize("case", [case for case in CASES if "gives" in case], ids=named)
def test_a_table_is_read_right(case: dict[str, Any]) -> None:
    rows, gives = read(case), case["gives"]
    assert sum(map(len, rows.splits.values())) == gives["rows"]
    assert str(rows.kind) == gives["kind"]
    if "classes" in gives:
        assert list(rows.classes) == gives["classes"]
    if "splits" in gives:
        assert {name: len(split) for name, split in rows.splits.items()} == gives["splits"]
    for place, row in (("first", 0), ("last", -1)):
        if place in gives:
            text, label = gives[place]
            training = rows.splits["train"]
            assert training.texts[row][0] == text
            answer = training.labels[row]
            assert (rows.classes[int(answer)] if rows.classes else answer) == label
    for words in case.get("says", ()):
        assert re.search(words, "\n".join(rows.notes)), rows.notes


@pytest.mark.parametrize("case", [case for case in CASES if "refused" in case], ids=named)
def test_a_table_is_refused_in_words(case: dict[str, Any]) -> None:
    with pytest.raises(HeadstartError) as caught:
        read(case)
    message = str(caught.value)
    assert re.search(case["refused"], message), message
    assert max(map(len, message.splitlines())) <= LONGEST_LINE + 2 * len(str(FOLDER)), message


def test_the_corpus_is_whole() -> None:
    """Each file is listed, and each case says one of the two."""
    files = {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file()}
    listed = {case["file"] for case in CASES}
    folders = tuple(f"{name}/" for name in listed if (FOLDER / name).is_dir())
    assert {name for name in files if name not in listed and not name.startswith(folders)} == {"expected.toml"}
    assert all(("gives" in case) != ("refused" in case) for case in CASES)
    assert len(listed) >= 150
