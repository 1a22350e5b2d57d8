"""Each sentence of SECURITY.md names modules that check it and test functions that hold it: they are there and run."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from headstart import safe_files
from headstart.cli import recipe
from headstart.models import tokenizer_bounds
from headstart.tables import bounded_bytes
from tests.support.paths import REPOSITORY

PAGE = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
SECTIONS = dict(zip(*[iter(re.split(r"^## (.*)$", PAGE, flags=re.MULTILINE)[1:])] * 2, strict=True))
MODULES = REPOSITORY / "src" / "headstart"
"""Other files are named from the top of the repository."""
WITHOUT_SENTENCES = ("Reporting",)
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| what ")
]
LEFT_OUT = r"pytest\.mark\.(slow|faults|skip|xfail)"
"""Marks of tests that do not run each time."""


def in_code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@cache
def functions_in(file: str) -> dict[str, list[str]]:
    """Return the test functions of a file as pytest finds them, each with its decorators as they are written."""
    tree = ast.parse((REPOSITORY / file).read_text(encoding="utf-8"))
    found = {}
    for each in tree.body:
        if isinstance(each, ast.FunctionDef) and each.name.startswith("test_"):
            found[each.name] = [ast.unparse(decorator) for decorator in each.decorator_list]
    return found


def test_every_section_says_all_in_its_table() -> None:
    assert len(ROWS) >= 40
    for name, text in SECTIONS.items():
        has_table = any(line.startswith("| ") for line in text.splitlines())
        assert has_table != (name in WITHOUT_SENTENCES), name
        assert not any(line.startswith(("-", "*", "1.")) for line in text.splitlines()), name


@pytest.mark.parametrize("row", ROWS, ids=[row[0][:60] for row in ROWS])
def test_a_sentence_names_where_it_is_checked_and_what_holds_it(row: list[str]) -> None:
    said, modules, tests = row
    assert said
    assert in_code(modules)
    assert in_code(tests)
    for name in in_code(modules):
        assert (MODULES / name).is_file() or (REPOSITORY / name).is_file(), name
    for test in in_code(tests):
        file, _, function = test.partition("::")
        assert re.fullmatch(r"tests/(\w+/)*test_\w+\.py", file), test
        assert function in functions_in(file), test
        assert not [mark for mark in functions_in(file)[function] if re.match(LEFT_OUT, mark)], test


def test_all_of_them_are_collected(request: pytest.FixtureRequest) -> None:
    named = {test for _, _, tests in ROWS for test in in_code(tests)}
    collected = {item.nodeid.partition("[")[0] for item in request.session.items}
    is_whole = {test.partition("::")[0] for test in named} <= {node.partition("::")[0] for node in collected}
    if not is_whole or request.config.option.keyword:
        pytest.skip("only where all files that the page names are collected")
    assert named <= collected


def test_its_numbers_are_those_of_the_code() -> None:
    for said in (
        f"at most {bounded_bytes.MOST_PACKED_RATIO} times its size",
        f"more than {bounded_bytes.FREE_BYTES >> 20} MiB",
        f"A line of a table has at most {bounded_bytes.MOST_LINE_BYTES >> 20} MiB",
        f"a document of JSON {bounded_bytes.MOST_DOCUMENT_BYTES >> 20} MiB",
        f"They have at most {safe_files.MOST_BYTES >> 20} MiB",
        f"A file of a tokenizer has at most {tokenizer_bounds.MOST_FILE_BYTES >> 20} MiB",
        f"at most {round(tokenizer_bounds.MOST_TOKENS / 1e6)} million words",
        f"and {tokenizer_bounds.MOST_ADDED_TOKENS:,} added tokens",
        f"A recipe has at most {recipe.MOST_BYTES >> 20} MiB and {recipe.MOST_VALUES:,} values",
    ):
        assert said in PAGE, said


def test_no_sentence_stands_twice() -> None:
    assert len({said for said, *_ in ROWS}) == len(ROWS)
