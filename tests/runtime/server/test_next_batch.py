"""Which waiting sequences are computed together."""

from __future__ import annotations

import numpy as np
import pytest

from headstart_runtime.server.next_batch import SHORT_TOKENS, next_batch
from headstart_runtime.text_input import OF_EQUAL_LENGTH, PADDED


def test_the_oldest_is_always_among_them_and_at_most_half_is_padding() -> None:
    generator = np.random.default_rng(1)
    for _ in range(300):
        lengths = generator.integers(1, 400, generator.integers(1, 90)).tolist()
        chosen = next_batch(lengths, PADDED, 16)
        taken = [lengths[place] for place in chosen]
        assert 0 in chosen
        assert len(chosen) == len(set(chosen)) <= 16
        assert max(taken) <= max(2 * min(taken), SHORT_TOKENS)


def test_the_nearest_in_length_are_taken() -> None:
    assert sorted(next_batch([100, 60, 101, 99, 150, 12], PADDED, 3)) == [0, 2, 3]
    assert sorted(next_batch([100, 60, 101, 12, 210], PADDED, 32)) == [0, 1, 2]
    assert sorted(next_batch([3, 30, 5, 200], PADDED, 32)) == [0, 1, 2]


def test_a_batch_holds_what_the_description_lets_it_hold() -> None:
    lengths = [7, 9, 7, 8, 7, 7]
    assert next_batch(lengths, OF_EQUAL_LENGTH, 32) == [0, 2, 4, 5]
    assert next_batch(lengths, OF_EQUAL_LENGTH, 3) == [0, 2, 4]


@pytest.mark.parametrize("batches", [PADDED, OF_EQUAL_LENGTH])
def test_every_sequence_has_its_turn(batches: str) -> None:
    generator = np.random.default_rng(2)
    waiting = list(enumerate(generator.integers(1, 400, 200).tolist()))
    computed: list[int] = []
    while waiting:
        chosen = next_batch([length for _, length in waiting], batches, 8)
        computed += [waiting[place][0] for place in chosen]
        waiting = [each for place, each in enumerate(waiting) if place not in chosen]
    assert sorted(computed) == list(range(200))
