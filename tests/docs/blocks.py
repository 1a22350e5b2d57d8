"""The blocks of code of the documentation, and the world in which they are run."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from tests.support.media import draw_shape, make_shapes, make_vit
from tests.support.other_architectures import make_other_checkpoint
from tests.support.paths import REPOSITORY
from tests.support.runs import tiny_rows
from tests.support.tiny import make_checkpoint

FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
MODELS = {"roberta-base": "roberta", "my-encoder": "bert"}
"""Names of models that pages use, and what stands in their place: a tiny model of that name in the working folder."""

TASKS = (
    ("glue/rte", ("sentence1", "sentence2"), 2, ("train", "validation")),
    ("glue/mrpc", ("sentence1", "sentence2"), 2, ("train", "validation")),
    ("super_glue/cb", ("premise", "hypothesis"), 3, ("train", "validation")),
    ("super_glue/rte", ("premise", "hypothesis"), 2, ("train", "validation")),
    ("super_glue/axg", ("premise", "hypothesis"), 2, ("test",)),
)
"""Tasks that pages name: columns, classes and splits of their few made-up rows."""


def pages() -> list[Path]:
    """Return the pages that people read: what is measured and decided is not among them."""
    found = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", REPOSITORY / "runtime" / "README.md"]
    others = {"LOG.md", "LOG-until-2026-11-23.md", "command-line.md"}
    docs = REPOSITORY / "docs"
    left_out = {docs / "decisions", docs / "results"}
    return found + sorted(
        path for path in docs.rglob("*.md") if path.name not in others and not left_out & set(path.parents)
    )


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return the language and the code of each block of a page."""
    return FENCE.findall(page.read_text(encoding="utf-8"))


def commands(code: str) -> Iterator[list[str]]:
    """Yield the words of each command of a shell block, comments left out."""
    for line in code.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words:
            yield words[: words.index(">")] if ">" in words else words


class World:
    """A folder with all that the pages name: tables, models, a store.

    Attributes:
        folder: the folder; to be copied, not changed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name, architecture in MODELS.items():
            make_checkpoint(folder / name, architecture)
        make_other_checkpoint(folder / "Qwen" / "Qwen2.5-7B", "qwen3", dtype=torch.bfloat16)
        self._write_tables()
        self._write_tasks()
        self._write_images()
        (folder / "study.yaml").write_text("file: reviews.csv\nstrategies: [finetune, eh_ft]\nmodel: my-encoder\n")

    def _write_tables(self) -> None:
        rows = tiny_rows(40)
        stars = [(text, ("one", "five")[k]) for text, k in rows]
        self._table("reviews.csv", ("text", "stars"), stars)
        self._table("test.csv", ("text", "stars"), stars[:10])
        shutil.copy(REPOSITORY / "docs" / "tutorials" / "requests.xlsx", self.folder)
        topics = ("call", "joke", "alarm", "weather")
        self._table("requests.csv", ("text", "topic"), [(text, topics[at % 4]) for at, (text, _) in enumerate(rows)])
        channels = ("app", "mail", "phone")
        tickets = [(text, topics[at % 4], channels[at % 3]) for at, (text, _) in enumerate(rows)]
        self._table("tickets.csv", ("text", "topic", "channel"), tickets)
        several = [(text, ("food|price", "food", "price|staff")[at % 3]) for at, (text, _) in enumerate(rows)]
        names = ("food", "price", "staff")
        self._table(
            "several.csv",
            ("text", "topics", *names),
            [(text, cell, *(int(name in cell.split("|")) for name in names)) for text, cell in several],
        )
        self._table("contracts.csv", ("body", "type"), stars)
        self._table("essays.csv", ("text", "score"), [(text, k + number / 50) for number, (text, k) in enumerate(rows)])
        for name in ("new.csv", "new-reviews.csv"):
            self._table(name, ("text",), [(text,) for text, _ in rows[:10]])
        for name in ("mnli.csv", "rte.csv"):
            self._table(name, ("premise", "hypothesis", "label"), [(text, text[::-1], k) for text, k in rows])

    def _table(self, name: str, header: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
        with (self.folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *rows])

    def _write_images(self) -> None:
        make_vit(self.folder / "my-image-encoder")
        make_shapes(self.folder / "photos", 6)
        for name in ("cat.jpg", "dog.png"):
            draw_shape("circle", np.random.default_rng(0)).save(self.folder / name)

    def _write_tasks(self) -> None:
        texts = [text for text, _ in tiny_rows(20)]
        for name, columns, num_labels, splits in TASKS:
            rows = [{column: text[:: 1 - 2 * at] for at, column in enumerate(columns)} for text in texts]
            self._task(name, splits, num_labels, rows)
        choices = [{"premise": text, "choice1": "a dog", "choice2": "a cat", "question": "cause"} for text in texts]
        self._task("super_glue/copa", ("train", "validation"), 2, choices)
        places = {"start1": 0, "end1": 4, "start2": 4, "end2": 8}
        words = [
            {"word": "bank", "sentence1": f"bank {text}", "sentence2": f"the bank {text}"} | places for text in texts
        ]
        self._task("super_glue/wic", ("train", "validation"), 2, words)

    def _task(self, name: str, splits: tuple[str, ...], num_labels: int, rows: list[dict[str, object]]) -> None:
        folder = self.folder / "data" / name
        folder.mkdir(parents=True)
        for split in splits:
            lines = [json.dumps(row | {"label": number % num_labels, "idx": number}) for number, row in enumerate(rows)]
            (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
