"""Texts longer than a model reads: which of their tokens stay where the middle is lost."""

from __future__ import annotations

from collections.abc import Sequence


def kept_places(texts: Sequence[int], max_length: int) -> list[int]:
    """Return the places of the tokens that stay in a sequence of more than `max_length`.

    Of a pair the longer text is cut; where the shorter one takes more than half of the room, both are, to a half each.
    Of an odd number of tokens the first half has one more.

    Args:
        texts: of each token the number of its text, from 0, or -1 for a special token, which stays.
        max_length: tokens of the sequence, special tokens included.
    """
    places = [[place for place, text in enumerate(texts) if text == number] for number in range(max(texts) + 1)]
    room = max_length - (len(texts) - sum(map(len, places)))
    dropped: set[int] = set()
    for tokens, share in zip(places, _shares([len(tokens) for tokens in places], room), strict=True):
        dropped.update(tokens[share - share // 2 : len(tokens) - share // 2])
    return [place for place in range(len(texts)) if place not in dropped]


def _shares(lengths: Sequence[int], room: int) -> list[int]:
    """Return how many tokens each text keeps: the longer one of a pair loses first, then both alike."""
    if len(lengths) == 1:
        return [room]
    shorter = min(*lengths, room // 2)
    return [shorter, room - shorter] if lengths[0] <= lengths[1] else [room - shorter, shorter]
