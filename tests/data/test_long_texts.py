"""The halves of long texts and windows over them, against the tokenizer's own tokens of each text alone."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import ByT5Tokenizer, PreTrainedTokenizerBase

from headstart.data.examples import Split
from headstart.data.tokenisation import Truncation, tokenize
from headstart.errors import DataError, UsageError
from tests.support.tiny import WORDS, make_tokenizer

ARCHITECTURES = ("bert", "roberta")
VOCABULARY = WORDS.split()
NUM_SPECIAL = {"bert": (2, 3), "roberta": (2, 4)}
"""Of single texts and of pairs."""


@cache
def tokenizer_of(architecture: str) -> PreTrainedTokenizerBase:
    return make_tokenizer(architecture)


def words(length: int, begin: int = 0) -> str:
    """Return a text of that many tokens, hardly any two alike."""
    return " ".join(VOCABULARY[(begin + number) % len(VOCABULARY)] for number in range(length))


def ids_of(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def joined(architecture: str, *parts: list[int]) -> list[int]:
    """Return texts with the architecture's special tokens around them."""
    tokenizer = tokenizer_of(architecture)
    first, last = tokenizer.cls_token_id, tokenizer.sep_token_id
    between = [last] if architecture == "bert" else [last, last]
    inner = parts[0] if len(parts) == 1 else [*parts[0], *between, *parts[1]]
    return [first, *inner, last]


def halves(ids: list[int], kept: int) -> list[int]:
    return ids if len(ids) <= kept else ids[: (kept + 1) // 2] + ids[len(ids) - kept // 2 :]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@settings(deadline=None, max_examples=60)
@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=5), max_length=st.integers(3, 24))
def test_head_tail_keeps_both_ends_of_single_texts(architecture: str, lengths: list[int], max_length: int) -> None:
    tokenizer = tokenizer_of(architecture)
    split = Split(texts=tuple((words(length, begin=row),) for row, length in enumerate(lengths)))
    tokens = tokenize(split, tokenizer, max_length=max_length, truncation="head_tail")
    room = max_length - NUM_SPECIAL[architecture][0]
    assert tokens.features["input_ids"] == [
        joined(architecture, halves(ids_of(tokenizer, text), room)) for (text,) in split.texts
    ]
    assert tokens.num_truncated == sum(length > room for length in lengths)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=5),
    max_length=st.integers(6, 40),
)
def test_head_tail_keeps_as_much_of_each_text_of_a_pair_as_longest_first(
    architecture: str, lengths: list[tuple[int, int]], max_length: int
) -> None:
    tokenizer = tokenizer_of(architecture)
    split = Split(texts=tuple((words(first), words(second, begin=50)) for first, second in lengths))
    tokens = tokenize(split, tokenizer, max_length=max_length, truncation="head_tail")
    for row, (first, second) in enumerate(split.texts):
        cut = tokenizer(first, second, truncation="longest_first", max_length=max_length)
        kept = [cut.sequence_ids().count(number) for number in (0, 1)]
        parts = [halves(ids_of(tokenizer, text), count) for text, count in zip((first, second), kept, strict=True)]
        assert tokens.features["input_ids"][row] == joined(architecture, *parts)
        for name, column in tokens.features.items():
            assert name == "input_ids" or column[row] == cut[name]
    assert tokens.num_truncated == sum(sum(pair) + NUM_SPECIAL[architecture][1] > max_length for pair in lengths)


def slices(ids: list[int], room: int, stride: int) -> list[list[int]]:
    """Return windows by their definition: each begins `room - stride` later, the first that reaches the end is last."""
    found, begin = [ids[:room]], 0
    while begin + room < len(ids):
        begin += room - stride
        found.append(ids[begin : begin + room])
    return found


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=5),
    max_length=st.integers(4, 24),
    stride=st.integers(0, 8),
)
def test_windows_of_single_texts(architecture: str, lengths: list[int], max_length: int, stride: int) -> None:
    tokenizer = tokenizer_of(architecture)
    room = max_length - NUM_SPECIAL[architecture][0]
    stride = min(stride, room - 1)
    split = Split(texts=tuple((words(length, begin=row),) for row, length in enumerate(lengths)))
    tokens = tokenize(split, tokenizer, max_length=max_length, truncation="window", stride=stride)
    expected = [
        [joined(architecture, window) for window in slices(ids_of(tokenizer, text), room, stride)]
        for (text,) in split.texts
    ]
    assert len(tokens) == len(lengths)
    assert [[tokens.features["input_ids"][each] for each in tokens.sequences(row)] for row in range(len(tokens))] == (
        expected
    )
    assert (tokens.num_sequences is None) == all(length <= room for length in lengths)
    assert tokens.lengths == [sum(map(len, windows)) for windows in expected]
    assert tokens.num_sequences_in_all == sum(map(len, expected))
    assert tokens.num_truncated == 0


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 8), st.integers(1, 60), st.booleans()), min_size=1, max_size=5),
    stride=st.integers(0, 3),
)
def test_the_longer_text_of_a_pair_slides_and_the_other_stands_in_every_window(
    architecture: str, lengths: list[tuple[int, int, bool]], stride: int
) -> None:
    tokenizer, max_length = tokenizer_of(architecture), 16
    rows = [(words(one, begin=9), words(other, begin=90), swap) for one, other, swap in lengths]
    split = Split(texts=tuple((other, one) if swap else (one, other) for one, other, swap in rows))
    tokens = tokenize(split, tokenizer, max_length=max_length, truncation="window", stride=stride)
    for row, texts in enumerate(split.texts):
        first, second = (ids_of(tokenizer, text) for text in texts)
        room = max_length - NUM_SPECIAL[architecture][1]
        if len(second) > len(first):
            expected = [joined(architecture, first, part) for part in slices(second, room - len(first), stride)]
        else:
            expected = [joined(architecture, part, second) for part in slices(first, room - len(second), stride)]
        assert [tokens.features["input_ids"][each] for each in tokens.sequences(row)] == expected
        alone = tokenize(split.take([row]), tokenizer, max_length=max_length, truncation="window", stride=stride)
        assert alone.features == {
            name: [column[each] for each in tokens.sequences(row)] for name, column in tokens.features.items()
        }


def test_a_text_that_leaves_the_other_no_room_is_refused_with_all_such_rows() -> None:
    split = Split(texts=(("a " * 50, "a b c"), ("a " * 50, "a " * 12), ("a", "a " * 12), ("a " * 11, "a " * 20)))
    with pytest.raises(DataError) as caught:
        tokenize(split, tokenizer_of("bert"), max_length=16, truncation="window", stride=2)
    assert [fault.row for fault in caught.value.faults] == [2, 4]
    assert "the shorter of its texts stands whole" in str(caught.value)
    assert "`max_length`" in str(caught.value)


@pytest.mark.parametrize("stride", [14, 15, 500, -1])
def test_an_overlap_that_leaves_windows_nothing_new_is_refused(stride: int) -> None:
    with pytest.raises(UsageError, match=r"windows of 16 tokens cannot share [\s\S]*0 to 13"):
        tokenize(Split(texts=(("a " * 50,),)), tokenizer_of("bert"), max_length=16, truncation="window", stride=stride)


def test_options_without_effect_and_without_meaning_are_refused() -> None:
    single, choices = Split(texts=(("a",),)), Split.of(texts=((),), choices=(("a", "b"),))
    tokenizer = tokenizer_of("bert")
    with pytest.raises(UsageError, match="`stride` 4 would have no effect"):
        tokenize(single, tokenizer, max_length=16, stride=4)
    with pytest.raises(UsageError, match="`long` window cannot be used for multiple choice"):
        tokenize(choices, tokenizer, max_length=16, truncation="window")
    with pytest.raises(UsageError, match=r"`max_length` 2 leaves no room[\s\S]*3 or more"):
        tokenize(single, tokenizer, max_length=2)
    with pytest.raises(UsageError, match=r"`max_length` 4 leaves no room[\s\S]*5 or more"):
        tokenize(Split(texts=(("a", "b"),)), tokenizer, max_length=4)


TRUNCATIONS: tuple[Truncation, ...] = ("head_tail", "window")


@pytest.mark.parametrize("truncation", TRUNCATIONS)
def test_long_texts_need_a_fast_tokenizer_and_no_rows_need_nothing(truncation: Truncation) -> None:
    with pytest.raises(UsageError, match=f"`long` {truncation} needs a fast tokenizer"):
        tokenize(Split(texts=(("a",),)), ByT5Tokenizer(), max_length=16, truncation=truncation)
    empty = tokenize(Split(texts=()), tokenizer_of("bert"), max_length=16, truncation=truncation)
    assert (len(empty), empty.num_sequences_in_all) == (0, 0)


def test_head_tail_of_choices_cuts_the_longer_of_premise_and_choice() -> None:
    tokenizer = tokenizer_of("bert")
    premise, choices = words(30), (words(3, begin=60), words(2, begin=80))
    split = Split.of(texts=((premise,),), choices=(choices,), labels=(1,))
    tokens = tokenize(split, tokenizer, max_length=16, truncation="head_tail")
    expected = [
        joined("bert", halves(ids_of(tokenizer, premise), 13 - count), ids_of(tokenizer, choice))
        for choice, count in zip(choices, (3, 2), strict=True)
    ]
    assert tokens.features["input_ids"] == expected
    assert tokens.num_truncated == 1
