"""Names that look the same: how they are compared, and how their difference is shown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

HYPHENS = re.compile("[\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FIGURE DASH}\N{EN DASH}\N{MINUS SIGN}\N{SOFT HYPHEN}]")
APOSTROPHES = re.compile(
    "[\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}\N{MODIFIER LETTER APOSTROPHE}\N{ACUTE ACCENT}`]"
)


def folded(name: str) -> str:
    """Return what a name is compared by: names that a person would read as one have it in common.

    Letters are composed and of one case (NFKC, casefold), characters without width are left out, hyphens and
    apostrophes are the plain ones, and one space stands for several.
    """
    plain = APOSTROPHES.sub("'", HYPHENS.sub("-", name))
    composed = unicodedata.normalize("NFKC", plain)
    seen = "".join(character for character in composed if unicodedata.category(character) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", seen.casefold()).split())


def difference(first: str, second: str) -> str:
    """Return how two names that look the same differ: by case or spaces, or by characters, with their code points."""
    if " ".join(first.casefold().split()) == " ".join(second.casefold().split()):
        return "differ by case or spaces only"
    return (
        f"look the same: {_points(set(first) - set(second))} in one, {_points(set(second) - set(first))} in the other"
    )


def _points(characters: Iterable[str]) -> str:
    named = [f"U+{ord(each):04X} {unicodedata.name(each, 'without a name')}" for each in sorted(characters)]
    return " and ".join(named) or "nothing more"
