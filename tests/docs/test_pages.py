"""The documentation as files: every page can be reached, every link leads somewhere, pictures say what they show."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import headstart
import headstart_runtime
from tests.support import command_reference
from tests.support.paths import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = sorted(
    [REPOSITORY / "README.md", REPOSITORY / "SECURITY.md", REPOSITORY / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
)
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def links(page: Path) -> list[tuple[str, str, str]]:
    """Return what stands before, in and behind the brackets of each link of a page, code left out."""
    return LINK.findall(CODE.sub("", page.read_text(encoding="utf-8")))


def entries(nav: list[dict[str, object]]) -> list[str]:
    return [
        path
        for entry in nav
        for value in entry.values()
        for path in ([value] if isinstance(value, str) else entries(value))  # type: ignore[arg-type]  # a list
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_links_lead_to_files_and_pictures_have_words(page: Path) -> None:
    for mark, words, target in links(page):
        assert words or not mark, f"{target} has no words for who does not see it"
        path = target.partition("#")[0]
        if path and not target.startswith(("http", "mailto:")):
            assert (page.parent / path).exists(), target
            assert page.parent == REPOSITORY or (page.parent / path).resolve().is_relative_to(DOCS), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_column_of_a_table_has_a_head(page: Path) -> None:
    """Who hears a page needs it."""
    heads = re.findall(r"^ *\|(.*)\| *\n *\|[-:| ]+\| *$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert not [head for head in heads if not all(cell.strip() for cell in head.split("|"))]


def test_every_page_is_in_the_navigation_or_linked_from_one_that_is() -> None:
    nav = entries(yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text())["nav"])
    assert len(nav) == len(set(nav))
    found = {DOCS / path for path in nav}
    waiting = list(found)
    while waiting:
        page = waiting.pop()
        near = {(page.parent / target.partition("#")[0]).resolve() for _, _, target in links(page)}
        new = {path for path in near if path.suffix == ".md" and path not in found}
        found |= new
        waiting += new
    lost = {path for path in DOCS.rglob("*.md") if path not in found and "decisions" not in path.parts}
    assert not lost


@pytest.mark.parametrize(("package", "page"), [(headstart, "index.md"), (headstart_runtime, "runtime.md")])
def test_every_public_name_is_in_the_reference(package: ModuleType, page: str) -> None:
    shown = set(re.findall(r"^::: (\S+)", (DOCS / "reference" / page).read_text(encoding="utf-8"), re.MULTILINE))
    assert not {f"{package.__name__}.{name}" for name in package.__all__ if not name.startswith("__")} - shown


def test_the_readme_fits_two_screens() -> None:
    assert len((REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()) <= 80


def test_every_guide_and_question_is_a_link_of_the_site() -> None:
    nav = set(entries(yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text())["nav"]))
    pages = {
        path.relative_to(DOCS).as_posix() for part in ("guides", "questions") for path in (DOCS / part).glob("*.md")
    }
    assert not pages - nav


def test_the_command_lines_reference_is_what_the_verbs_say() -> None:
    assert command_reference.FILE.read_text(encoding="utf-8") == command_reference.page(), (
        "write it again: python -m tests.support.command_reference"
    )
