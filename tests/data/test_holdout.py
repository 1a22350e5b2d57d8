"""Cuts: disjoint, stratified, every class is trained, and what belongs together stands on one side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.data.examples import Split
from headstart.data.holdout import fold_of, hold_out, most_folds
from headstart.errors import UsageError
from headstart.seeding import numpy_generator


def numbered(labels: list[int]) -> Split:
    return Split.of(texts=tuple((str(row),) for row in range(len(labels))), labels=tuple(labels))


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.floats(0.05, 0.95), st.integers(0, 5))
def test_parts_are_a_partition_in_order_and_no_class_is_lost(labels: list[int], fraction: float, seed: int) -> None:
    split = numbered(labels)
    if max(Counter(labels).values()) == 1:
        with pytest.raises(UsageError, match="too few rows"):
            hold_out(split, fraction, seed)
        return
    rest, held = hold_out(split, fraction, seed)
    assert sorted([*rest.texts, *held.texts], key=lambda texts: int(texts[0])) == list(split.texts)
    for part in (rest, held):
        rows = [int(text) for (text,) in part.texts]
        assert rows == sorted(rows)
        assert part.labels == tuple(labels[row] for row in rows)
    assert rest.labels is not None
    assert held.labels is not None
    for label, count in Counter(labels).items():
        assert label in rest.labels
        assert (label in held.labels) == (count > 1)
        if count > 1:
            assert abs(held.labels.count(label) - fraction * count) <= 1


def test_the_cut_depends_on_the_seed_alone() -> None:
    split = numbered([0, 1] * 40)
    assert hold_out(split, 0.25, 1) == hold_out(split, 0.25, 1)
    assert hold_out(split, 0.25, 1) != hold_out(split, 0.25, 2)


@pytest.mark.parametrize("fraction", [-0.1, 0, 1, 20, float("nan")])
def test_a_share_that_is_none_is_refused(fraction: float) -> None:
    with pytest.raises(UsageError, match="above 0 and under 1"):
        hold_out(numbered([0, 1] * 4), fraction, 0)


def test_rows_without_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="without labels"):
        hold_out(Split(texts=(("a",), ("b",))), 0.5, 0)


def pair_rows(draw: st.DrawFn, *, with_groups: bool) -> Split:
    """Draw a small table whose texts, first texts and groups repeat, with one label or several in a row."""
    size = draw(st.integers(4, 24))
    several = draw(st.booleans())
    label = (
        st.lists(st.integers(0, 4), max_size=3, unique=True).map(sorted).map(tuple) if several else st.integers(0, 4)
    )
    text = st.sampled_from("abcdefgh")
    texts = st.tuples(text, st.sampled_from("12")) if draw(st.booleans()) else st.tuples(text)
    groups = st.lists(st.sampled_from("pqrstu"), min_size=size, max_size=size).map(tuple)
    return Split.of(
        texts=draw(st.lists(texts, min_size=size, max_size=size).map(tuple)),
        labels=draw(st.lists(label, min_size=size, max_size=size).map(tuple)),
        groups=draw(groups) if with_groups else None,
        rows=tuple(range(size)),
    )


tables = st.composite(lambda draw: pair_rows(draw, with_groups=draw(st.booleans())))


def classes_in(split: Split) -> set[int]:
    labels = split.labels or ()
    return {each for label in labels for each in (label if isinstance(label, tuple) else (label,))}


def classes_of_two_units(split: Split) -> set[int]:
    """Return the classes that stand in two groups, or in two rows where there are no groups."""
    units = split.groups or split.columns["rows"]
    units_of: dict[int, set[object]] = {}
    for label, unit in zip(split.labels or (), units, strict=True):
        for each in label if isinstance(label, tuple) else (label,):
            units_of.setdefault(each, set()).add(unit)
    return {each for each, found in units_of.items() if len(found) > 1}


def check_cut(split: Split, rest: Split, held: Split) -> None:
    assert sorted([*rest.columns["rows"], *held.columns["rows"]]) == list(range(len(split)))
    assert classes_in(rest) == classes_in(split), "a class is scored and never trained"
    assert set(rest.groups or ()).isdisjoint(held.groups or ())


@settings(deadline=None, max_examples=60)
@given(tables(), st.sampled_from([0.1, 0.2, 0.5]), st.integers(0, 3))
def test_every_class_is_trained_and_held_out_where_two_have_it(split: Split, fraction: float, seed: int) -> None:
    try:
        rest, held = hold_out(split, fraction, seed)
    except UsageError:
        # Each group, or row, then has a class to itself.
        assert not could_hold_out(split)
        return
    check_cut(split, rest, held)
    labels_of: dict[object, set[object]] = {}
    for text, label in zip(split.texts, split.labels or (), strict=True):
        labels_of.setdefault(text, set()).add(label)
    # A text under two labels stays on one side, and so may a class whose rows share it with another class's only one.
    is_alone = all(len(labels) == 1 for labels in labels_of.values())
    if not isinstance((split.labels or ())[0], tuple) and split.groups is None and is_alone:
        assert classes_in(held) == classes_of_two_units(split)


def could_hold_out(split: Split) -> bool:
    """Return whether any group, or row, may leave without taking a class along."""
    units = split.groups or split.columns["rows"]
    return len(set(units)) > 1 and any(
        classes_in(split.take(row for row, unit in enumerate(units) if unit != left)) == classes_in(split)
        for left in set(units)
    )


@settings(deadline=None, max_examples=60)
@given(tables(), st.integers(2, 4), st.integers(0, 3))
def test_folds_hold_each_row_once_but_those_of_a_class_that_no_other_has(split: Split, folds: int, seed: int) -> None:
    try:
        cuts = [fold_of(split, folds, fold, seed) for fold in range(folds)]
    except UsageError:
        return
    for rest, held in cuts:
        check_cut(split, rest, held)
    in_folds = Counter(row for _, held in cuts for row in held.columns["rows"])
    assert not in_folds or max(in_folds.values()) == 1
    if split.groups is None and not isinstance((split.labels or ())[0], tuple):
        first = [texts[0] for texts in split.texts]
        once = classes_of_two_units(split)
        alone = {row for row, label in enumerate(split.labels or ()) if label in once and first.count(first[row]) == 1}
        assert alone <= set(in_folds)


def test_rows_of_one_text_stand_on_one_side_unless_a_class_has_no_other() -> None:
    for seed in range(100):
        draw = numpy_generator(seed, "repeats")
        texts = draw.integers(0, 25, 60).tolist()
        labels = [2 if text == 3 else 1 if text < 7 else int(draw.random() < 0.1) for text in texts]
        split = Split.of(
            tuple((("Text  {}", "text {} ")[row % 2].format(texts[row]),) for row in range(60)), labels=tuple(labels)
        )
        rest, held = hold_out(split, 0.2, seed)
        inside, outside = ({int(text.split()[1]) for (text,) in part.texts} for part in (rest, held))
        alone = {text for text in texts if texts.count(text) == labels.count(2) > 1 and text == 3}
        assert inside & outside == alone


def test_pairs_of_one_first_text_stand_on_one_side() -> None:
    texts = tuple((f"premise {row // 3}", f"hypothesis {row}") for row in range(150))
    rest, held = hold_out(Split.of(texts, labels=(0, 1, 2) * 50), 0.2, 0)
    assert {first for first, _ in rest.texts}.isdisjoint(first for first, _ in held.texts)
    assert len(held) == 30
    assert Counter(held.labels or ()) == {0: 10, 1: 10, 2: 10}


@pytest.mark.parametrize("num_first", [1, 2])
def test_a_first_text_that_too_many_rows_share_keeps_only_whole_repeats_together(num_first: int) -> None:
    texts = tuple((f"question {row % num_first}", f"answer {row // 2}") for row in range(100))
    rest, held = hold_out(Split.of(texts, labels=(0, 1, 1, 0) * 25), 0.2, 0)
    assert 18 <= len(held) <= 22
    assert {first for first, _ in rest.texts} == {first for first, _ in held.texts}
    assert set(rest.texts).isdisjoint(held.texts)


@pytest.mark.parametrize("cut", [partial(hold_out, fraction=0.2), partial(fold_of, folds=4, fold=1)])
def test_two_texts_in_all_can_still_be_cut(cut: Callable[..., tuple[Split, Split]]) -> None:
    split = Split.of((("good film",), ("bad film",)) * 20, labels=(1, 0) * 20)
    rest, held = cut(split, seed=0)
    assert 8 <= len(held) <= 10
    assert classes_in(rest) == classes_in(held) == {0, 1}


def test_rows_without_repeats_groups_or_several_labels_are_cut_by_a_permutation_of_each_class() -> None:
    labels = [0, 1, 2, 1, 0, 0, 1, 1, 2, 1, 0, 1, 3, 0, 0, 1] * 3
    split = numbered(labels[:-4])
    generator, wanted = numpy_generator(7, "subsample"), set()
    for label in range(4):
        rows = [row for row, of in enumerate(split.labels or ()) if of == label]
        wanted |= set(generator.permutation(rows)[: max(1, round(0.2 * len(rows)))].tolist())
    _, held = hold_out(split, 0.2, 7)
    assert {int(text) for (text,) in held.texts} == wanted


def test_rare_labels_beside_others_are_trained_and_held_out() -> None:
    """A label in two rows, always after a common one: what counts is not a row's first label."""
    for seed in range(50):
        labels: list[tuple[int, ...]] = [(0,), (1,), (0, 1)] * 20
        for row in numpy_generator(seed, "rare").choice(60, 2, replace=False):
            labels[row] = (*labels[row], 2)
        split = Split.of(tuple((str(row),) for row in range(60)), labels=tuple(labels))
        for part in hold_out(split, 0.2, seed):
            assert classes_in(part) == {0, 1, 2}


def test_the_class_of_one_group_stays_in_training_and_that_of_two_is_on_both_sides() -> None:
    for seed in range(50):
        draw = numpy_generator(seed, "groups")
        groups = draw.integers(0, 12, 120).tolist()
        labels = [3 if group == 5 else 2 if group in (1, 7) else row % 2 for row, group in enumerate(groups)]
        split = Split.of(tuple((str(row),) for row in range(120)), labels=tuple(labels), groups=tuple(map(str, groups)))
        rest, held = hold_out(split, 0.2, seed)
        assert classes_in(rest) == {0, 1, 2, 3}
        assert classes_in(held) == {0, 1, 2}
        assert set(rest.groups or ()).isdisjoint(held.groups or ())


def test_groups_that_each_have_a_class_of_their_own_are_refused_with_the_way_on() -> None:
    split = Split.of((("a",), ("b",), ("c",), ("d",)), labels=(0, 0, 1, 1), groups=("p", "p", "q", "q"))
    with pytest.raises(UsageError, match="each has a class that no other has") as caught:
        hold_out(split, 0.5, 0)
    assert "`group`" in str(caught.value)


def test_a_fold_without_rows_is_refused_with_the_way_on() -> None:
    split = Split.of(tuple((str(row),) for row in range(6)), labels=((0,), (1,), (2,), (3,), (4, 5), (5,)))
    with pytest.raises(UsageError, match="would be empty") as caught:
        fold_of(split, 3, 2, 0)
    assert "fewer `folds`" in str(caught.value)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=12), st.booleans(), st.integers(0, 3))
def test_as_many_folds_as_hold_rows(labels: list[int], grouped: bool, seed: int) -> None:
    split = numbered(labels)
    if grouped:
        split = Split.of(
            texts=split.texts, labels=split.labels, groups=tuple(str(row // 3) for row in range(len(labels)))
        )

    def are_whole(folds: int) -> bool:
        try:
            return all(len(fold_of(split, folds, fold, seed)[1]) for fold in range(folds))
        except UsageError:
            return False

    assert most_folds(split, 5, seed) == max((folds for folds in range(2, 6) if are_whole(folds)), default=0)
