"""The built-in task `demo_requests`: what is asked of an assistant, 24 kinds of requests with 8 training rows each.

Training and validation share the kinds of requests, but neither sentence frames nor the words in their places. Many
classes and few rows of each is where a head from random numbers has the longest way to go: the task shows what a head
start is for. Like `demo` it was written before any strategy was run on it, and was not changed afterwards; it supports
no claim about a method.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from random import Random
from string import Formatter
from typing import Any

from headstart.tasks.task import Task

SEED = 24
"""Of the draws of words; each split has a generator of its own."""
ROWS_OF_A_REQUEST = {"train": 8, "validation": 10}
MOST_DRAWS = 200


def _described() -> Mapping[str, Any]:
    return tomllib.loads(Path(__file__).with_name("demo_requests.toml").read_text(encoding="utf-8"))


REQUESTS = tuple(_described()["requests"])


def request_rows(split: str) -> list[tuple[str, int]]:
    """Return text and label of every row of "train" or "validation", in a fixed order; no text comes twice."""
    described, random = _described(), Random(f"{SEED} {split}")
    words = described["words"][split]
    rows: list[tuple[str, int]] = []
    for label, frames in enumerate(described["requests"].values()):
        texts = dict.fromkeys(_written(frames[split], words, draw, random) for draw in range(MOST_DRAWS))
        rows += [(text, label) for text in list(texts)[: ROWS_OF_A_REQUEST[split]]]
    return [rows.pop(int(random.random() * len(rows))) for _ in range(len(rows))]


def _written(frames: list[str], words: Mapping[str, list[str]], draw: int, random: Random) -> str:
    """Return a sentence. Only `Random.random` is used: its sequence is the same on every Python."""
    frame = frames[draw % len(frames)]
    places = [name for _, name, _, _ in Formatter().parse(frame) if name]
    text = frame.format(**{name: words[name][int(random.random() * len(words[name]))] for name in places})
    return text[0].upper() + text[1:]


DEMO_REQUESTS = Task(
    name="demo_requests",
    text_columns=("text",),
    labels=REQUESTS,
    num_rows=tuple((split, number * len(REQUESTS)) for split, number in ROWS_OF_A_REQUEST.items()),
    licence="Apache-2.0",
    citation="a small grammar of this project's own",
)
