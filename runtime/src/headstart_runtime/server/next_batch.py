"""Which of the waiting sequences are computed next."""

from __future__ import annotations

from collections.abc import Sequence

from headstart_runtime.text_input import OF_EQUAL_LENGTH

SHORT_TOKENS = 32
"""Up to this length padding costs less than a batch of its own."""


def next_batch(lengths: Sequence[int], batches: str, batch_size: int) -> list[int]:
    """Return the places of the sequences that are computed together next; at least the first.

    The one that has waited longest is among them, so that none waits for ever. The others are nearest to it in length,
    and none is more than twice as long as another unless all are short: at most half of a batch is padding.

    Args:
        lengths: tokens of each sequence, in the order of arrival; one at least.
        batches: which sequences may stand in a batch, as the model's description says.
        batch_size: sequences of a batch, at most.
    """
    first = lengths[0]
    if batches == OF_EQUAL_LENGTH:
        return [place for place, length in enumerate(lengths) if length == first][:batch_size]
    shortest = longest = first
    chosen: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: abs(lengths[place] - first)):
        low, high = min(shortest, lengths[place]), max(longest, lengths[place])
        if len(chosen) == batch_size or high > max(2 * low, SHORT_TOKENS):
            break
        chosen.append(place)
        shortest, longest = low, high
    return chosen
