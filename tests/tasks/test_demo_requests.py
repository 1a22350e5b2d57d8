from __future__ import annotations

import hashlib
import json
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from headstart.data.loading import load_task
from headstart.tasks import demo_requests
from headstart.tasks.demo_requests import DEMO_REQUESTS, REQUESTS, ROWS_OF_A_REQUEST, request_rows

SPLITS = ("train", "validation")
DIGEST = "fbf1dcb4cae1333d4e728a9c808102a32e7f226a1aad113c825b9279044e413c"


def described() -> dict[str, dict[str, dict[str, list[str]]]]:
    return tomllib.loads(Path(demo_requests.__file__).with_suffix(".toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("split", SPLITS)
def test_every_request_has_as_many_distinct_rows(split: str) -> None:
    rows = request_rows(split)
    assert Counter(label for _, label in rows) == dict.fromkeys(range(len(REQUESTS)), ROWS_OF_A_REQUEST[split])
    assert len({text for text, _ in rows}) == len(rows) == dict(DEMO_REQUESTS.num_rows)[split]
    assert not any("{" in text for text, _ in rows)


def test_the_splits_share_neither_frames_nor_words() -> None:
    words, requests = described()["words"], described()["requests"]
    assert words["train"].keys() == words["validation"].keys()
    for place, entries in words["train"].items():
        assert set(entries).isdisjoint(words["validation"][place]), place
    frames = {split: [frame for each in requests.values() for frame in each[split]] for split in SPLITS}
    assert set(frames["train"]).isdisjoint(frames["validation"])
    assert all(len(set(each)) == len(each) for each in frames.values())


def test_the_rows_are_the_same_everywhere() -> None:
    rows = json.dumps([request_rows(split) for split in SPLITS])
    assert hashlib.sha256(rows.encode()).hexdigest() == DIGEST


def test_the_task_is_read_by_its_name() -> None:
    data = load_task("demo_requests")
    assert [text for (text,) in data.training.texts] == [text for text, _ in request_rows("train")]
    assert data.evaluation.labels == tuple(label for _, label in request_rows("validation"))
    assert data.notes == ()
