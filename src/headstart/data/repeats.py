"""Rows that say the same: equal texts, nearly equal ones, one first text, one text with several labels."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headstart.data.examples import Split
from headstart.kinds.kind import Label

Key = tuple[str, ...]


class _LettersOnly(dict[int, str]):
    """What `str.translate` puts in place of each character: itself for letters and their marks, else a space."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = character if unicodedata.category(character)[0] in "LM" else " "
        return self[code]


_LETTERS_ONLY = _LettersOnly()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A text that rows give different labels.

    Attributes:
        texts: as its first row has them, choices included.
        labels: each with the number of its rows, the most frequent first.
    """

    texts: Key
    labels: tuple[tuple[Label, int], ...]

    @property
    def num_rows(self) -> int:
        """How many rows have this text."""
        return sum(count for _, count in self.labels)


def text_keys(split: Split) -> list[Key]:
    """Return the texts and choices of all rows with case and spaces folded: what is equal then is a repeat.

    Of images and sounds it is what their files hold.
    """
    return _file_keys(split) or [tuple(map(_folded, texts)) for texts in _all_texts(split)]


def near_keys(split: Split) -> list[Key]:
    """Return the texts and choices of all rows by their letters alone: what is equal then is nearly a repeat.

    Case, spaces, punctuation and digits are folded away, and so are letters' compatibility forms (NFKC). A text without
    letters keeps all but case and spaces.
    """
    return _file_keys(split) or [tuple(map(_letters, texts)) for texts in _all_texts(split)]


def first_text_keys(split: Split, keys: Sequence[Key]) -> list[Key]:
    """Return what rows about one thing share: the first of several texts, such as a premise, or their only text.

    Args:
        split: the rows.
        keys: their `text_keys`.
    """
    return [key[:1] if texts else key for key, texts in zip(keys, split.texts, strict=True)]


def num_repeated(keys: Iterable[Key]) -> int:
    """Return how many rows repeat an earlier one."""
    counts = Counter(keys)
    return sum(counts.values()) - len(counts)


def conflicts(split: Split) -> tuple[Conflict, ...]:
    """Return the texts that rows give different labels, those of the most rows first; numbers may differ."""
    labels_of: defaultdict[Key, list[Label]] = defaultdict(list)
    first: dict[Key, Key] = {}
    for key, texts, label in zip(text_keys(split), _all_texts(split), split.labels or (), strict=False):
        labels_of[key].append(label)
        first.setdefault(key, texts)
    found = [
        Conflict(texts=first[key], labels=tuple(Counter(labels).most_common()))
        for key, labels in labels_of.items()
        if len(set(labels)) > 1 and not any(isinstance(label, float) for label in labels)
    ]
    return tuple(sorted(found, key=lambda conflict: -conflict.num_rows))


def _file_keys(split: Split) -> list[Key]:
    """Return what the files of images and sounds hold: they are the same where all of their bytes are."""
    return [(file.digest,) for file in split.files or ()]


def _all_texts(split: Split) -> Iterable[Key]:
    if split.choices is None:
        return split.texts
    return [(*texts, *choices) for texts, choices in zip(split.texts, split.choices, strict=True)]


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _letters(text: str) -> str:
    return _folded(unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS_ONLY)) or _folded(text)
