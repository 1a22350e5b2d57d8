"""Names that look the same: how they are compared, and how their difference is shown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

QUOTATION_MARKS = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201b\u02bc\u00b4`\u2032", "'") | dict.fromkeys("\u201c\u201d\u2033", '"')
)
INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""What has no width and is yet no format character: fillers, joiners, selectors of a variant."""
SHOWN_OTHERWISE = ("<super>", "<sub>", "<fraction>", "<circle>", "<square>")
"""What a character is that NFKC takes for a plain one though it looks different: `2` raised, or in a circle."""


def folded(name: str) -> str:
    """Return what a name is compared by: names that a person would read as one have it in common.

    Letters are composed, of one width and one case, characters without width are left out, dashes and quotation marks
    are the plain ones, and one space stands for several.
    """
    seen = INVISIBLE.sub("", "".join(map(_plain, unicodedata.normalize("NFC", name))))
    return " ".join(unicodedata.normalize("NFC", seen.translate(QUOTATION_MARKS).lower()).split())


def difference(first: str, second: str) -> str:
    """Return how two names that look the same differ: by case or spaces, or by characters, with their code points."""
    if " ".join(first.lower().split()) == " ".join(second.lower().split()):
        return "differ by case or spaces only"
    return (
        f"look the same: {_points(set(first) - set(second))} in one, {_points(set(second) - set(first))} in the other"
    )


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Pd" or character == "\N{MINUS SIGN}":
        return "-"
    if category == "Cf":
        return ""
    is_other = unicodedata.decomposition(character).startswith(SHOWN_OTHERWISE)
    return character if is_other else unicodedata.normalize("NFKC", character)


def _points(characters: Iterable[str]) -> str:
    named = [f"U+{ord(each):04X} {unicodedata.name(each, 'without a name')}" for each in sorted(characters)]
    return " and ".join(named) or "nothing more"
