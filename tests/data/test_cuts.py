"""What a cut says of itself: how it came about, what stands on both sides, which classes are missing."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.data.cuts import cut
from headstart.data.examples import Split
from headstart.data.repeats import conflicts, near_keys, num_repeated, text_keys
from headstart.errors import UsageError
from headstart.kinds.kind import Label
from headstart.tables.file_options import FileOptions

NAMES = ("apple", "berry", "cherry", "date", "elder")


def rows(*texts: str | tuple[str, ...], labels: list[Label], groups: str | None = None) -> Split:
    whole = tuple((text,) if isinstance(text, str) else text for text in texts)
    return Split.of(whole, labels=tuple(labels), groups=tuple(groups) if groups else None)


def distinct(count: int) -> list[str]:
    """Return texts of which no two are nearly equal."""
    return ["word " + "abcdefghij"[row // 10] + "abcdefghij"[row % 10] for row in range(count)]


def notes_of(split: Split, **options: object) -> tuple[str, ...]:
    return cut({"train": split}, FileOptions(**options), NAMES[:2]).notes  # type: ignore[arg-type]


def test_a_plain_cut_says_one_thing() -> None:
    assert notes_of(rows(*distinct(20), labels=[0, 1] * 10)) == (
        "4 of 20 rows are held out, stratified, as validation",
    )


def test_repeats_are_said_to_stay_together_and_do() -> None:
    split = rows(*(text for text in distinct(10) for _ in range(4)), labels=[0, 0, 0, 0, 1, 1, 1, 1] * 5)
    done = cut({"train": split}, FileOptions(), NAMES[:2])
    assert done.notes == (
        "8 of 40 rows are held out, stratified, rows of one text together, as validation",
        "24 of 32 training rows repeat the texts of another",
    )
    assert set(done.splits["train"].texts).isdisjoint(done.splits["validation"].texts)


def test_pairs_of_one_first_text_are_said_to_stay_together() -> None:
    pairs = [(first, second) for first in distinct(10) for second in ("one", "two")]
    assert notes_of(rows(*pairs, labels=[0, 1] * 10)) == (
        "4 of 20 rows are held out, stratified, rows of one first text together, as validation",
    )


def test_texts_that_must_stand_on_both_sides_are_counted_with_the_reason() -> None:
    split = rows(*["the same"] * 6, *distinct(34), labels=[0] * 6 + [1] * 34)
    shared = [note for note in notes_of(split) if "stand in training too" in note]
    assert shared == [
        "1 of 8 validation rows have texts that stand in training too, because too few rows, of a class or in all, "
        "have another text; `drop_leaks` drops them from training"
    ]
    pairs = rows(*[("topic", text) for text in distinct(20)], labels=[0, 1] * 10)
    assert (
        "4 of 4 validation rows share their first text with training rows, because too few rows have another"
        in notes_of(pairs)
    )


def test_whole_groups_and_folds_are_said() -> None:
    split = rows(*distinct(20), labels=[0, 1] * 10, groups="aabbccddeeffgghhiijj")
    assert notes_of(split, group="who") == (
        "4 of 20 rows are held out, stratified, whole groups of 'who', as validation",
    )
    assert notes_of(split, group="who", folds=5, fold=4) == (
        "fold 5 of 5 is held out as validation: 4 of 20 rows, stratified, whole groups of 'who'",
    )


def test_classes_that_a_side_lacks_are_named_and_many_counted() -> None:
    split = rows(*distinct(24), labels=[0] * 20 + [1, 2, 3, 4])
    assert cut({"train": split}, FileOptions(), NAMES).notes[-1] == (
        "no validation row of 'berry', 'cherry', 'date' and 1 more"
    )
    given_rows = {"train": rows(*distinct(4), labels=[0, 0, 1, 1]), "validation": rows("x", "y", labels=[1, 1])}
    assert cut(given_rows, FileOptions(), NAMES[:3]).notes == (
        "no training row of 'cherry'",
        "no validation row of 'apple', 'cherry'",
    )


def test_numbers_are_no_classes() -> None:
    split = rows(*distinct(20), labels=[row / 2 for row in range(20)])
    assert cut({"train": split}, FileOptions()).notes == ("4 of 20 rows are held out, stratified, as validation",)


def test_near_repeats_are_counted_on_each_side() -> None:
    training = rows("Good film!", "good  film", "GOOD FILM (2)", "bad film", labels=[0, 0, 0, 1])
    validation = rows("good film", "Bad film...", "neither", labels=[0, 1, 1])
    assert cut({"train": training, "validation": validation}, FileOptions()).notes == (
        "2 more of 4 training rows differ from another in punctuation or digits only",
        "1 of 3 validation rows have texts that stand in training too, 1 of them only after case and spaces are "
        "folded; `drop_leaks` drops them from training",
        "1 of 3 validation rows differ from a training row in punctuation or digits only",
    )


@pytest.mark.parametrize(
    ("one", "other", "is_near"),
    [
        ("Room 12, please", "room 9 please", True),
        ("caf\u00e9", "cafe\u0301", True),
        ("\uff34\uff25\uff38\uff34", "text", True),
        ("\u0915\u093f", "\u0915\u0940", False),
        ("\u0e01\u0e34\u0e19", "\u0e01\u0e31\u0e19", False),
        (":)", ":(", False),
        ("12", "13", False),
        ("film", "films", False),
    ],
)
def test_what_is_nearly_equal_differs_in_no_letter(one: str, other: str, is_near: bool) -> None:
    first, second = near_keys(rows(one, other, labels=[0, 0]))
    assert (first == second) == is_near


def test_rows_of_one_text_with_several_labels_are_counted_and_found() -> None:
    split = rows("A b", "a  B", "c", "a b", "c", "d", labels=[0, 1, 0, 0, 0, 1])
    (found,) = conflicts(split)
    assert (found.texts, found.labels, found.num_rows) == (("A b",), ((0, 2), (1, 1)), 3)
    assert (
        "3 of 6 training rows have texts that stand there with another label too"
        in cut({"train": split, "validation": rows("e", labels=[0])}, FileOptions()).notes
    )
    assert conflicts(rows("a", "a", labels=[1.0, 2.0])) == ()
    assert conflicts(rows("a", "a", labels=[(0,), (0, 1)]))[0].num_rows == 2


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000))
def test_leaks_are_dropped_but_no_class_with_them(seed: int) -> None:
    draw = random.Random(seed)
    several = draw.random() < 0.5
    texts = [draw.choice("abcdefgh") for _ in range(12)]
    labels: list[Label] = [
        tuple(sorted(draw.sample(range(4), draw.randint(0, 2)))) if several else draw.randrange(4) for _ in texts
    ]
    training = rows(*texts, labels=labels)
    leaking = set(draw.sample("abcdefgh", draw.randint(1, 7)))
    validation = rows(*leaking, labels=[labels[0]] * len(leaking))
    given_rows = {"train": training, "validation": validation}
    if set(texts) <= leaking:
        with pytest.raises(UsageError, match="leaves no training rows"):
            cut(given_rows, FileOptions(drop_leaks=True))
        return
    done = cut(given_rows, FileOptions(drop_leaks=True))
    kept = done.splits["train"]
    assert _classes(kept) == _classes(training)
    clean = training.take(row for row, text in enumerate(texts) if text not in leaking)
    needed = [label for (text,), label in zip(kept.texts, kept.labels or (), strict=True) if text in leaking]
    assert len(kept) == len(clean) + len(needed)
    assert len(needed) <= len(_classes(training) - _classes(clean))


def _classes(split: Split) -> set[int]:
    return {each for label in split.labels or () for each in (label if isinstance(label, tuple) else (label,))}


@settings(deadline=None)
@given(st.lists(st.text("aA bB.1", min_size=1), min_size=1, max_size=12))
def test_repeats_are_counted_as_a_person_would(texts: list[str]) -> None:
    split = rows(*texts, labels=[0] * len(texts))
    folded = Counter(" ".join(text.lower().split()) for text in texts)
    assert num_repeated(text_keys(split)) == len(texts) - len(folded)
    assert num_repeated(near_keys(split)) >= num_repeated(text_keys(split))
