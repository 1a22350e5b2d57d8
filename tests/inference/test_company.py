"""A text's answer is its own: it depends neither on batches, order and company, nor on who loads the folder."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import torch
from transformers import pipeline

import headstart.auto  # noqa: F401 - so that transformers' pipelines know our heads
from headstart.artifacts.model_folder import save_model_folder
from headstart.artifacts.saved_model import SavedModel
from headstart.data.examples import Split
from headstart.inference.predict import predict
from headstart.inference.saved import load_saved_model
from tests.support.other_architectures import OTHER_ARCHITECTURES, SELDOM_ARCHITECTURES, make_other_checkpoint
from tests.support.saved import PAIR_TASK, TEXT_TASK, make_example, texts
from tests.support.tiny import ARCHITECTURES, make_checkpoint

IN_CI = {
    ("bert", "native", "pairs"),
    ("fnet", "native", "texts"),
    ("gpt2", "native", "texts"),
    ("roberta", "linear", "pairs"),
}
"""The others take a minute."""
TASKS = {"texts": TEXT_TASK, "pairs": PAIR_TASK}
WITHOUT = {("squeezebert", "linear"), ("t5gemma", "native")}
"""What is refused: a backbone that does not run without its pooler, a head that other texts change."""
SINGLE = ("canine", "xlnet")
"""What transformers cannot compute in double precision."""
SPREAD = 0.01
"""Answers that differ by less than this do not show what they depend on."""


def cells() -> list[object]:
    names = sorted({*ARCHITECTURES, *OTHER_ARCHITECTURES, *SELDOM_ARCHITECTURES})
    every = [cell for cell in product(names, ("native", "linear"), TASKS) if cell[:2] not in WITHOUT]
    return [pytest.param(*cell, id="-".join(cell), marks=() if cell in IN_CI else pytest.mark.slow) for cell in every]


@pytest.mark.parametrize(("architecture", "head", "read"), cells())
def test_an_answer_is_the_text_s_own(architecture: str, head: str, read: str, tmp_path: Path) -> None:
    task = TASKS[read]
    make = make_checkpoint if architecture in ARCHITECTURES else make_other_checkpoint
    example = make_example(make(tmp_path / "source", architecture), task=task, head=head)
    rows, folder = texts(task), tmp_path / "model"
    save_model_folder(example.classifier, example.tokenizer, folder, info=example.info)
    saved = load_saved_model(folder)
    dtype = torch.float32 if architecture in SINGLE else torch.float64  # So that differences are not rounding.
    saved.model.to(dtype)
    alone = answers(saved, rows, 1)
    while alone.std(dim=0).max() < SPREAD:
        widen(saved)
        alone = answers(saved, rows, 1)
    for batch_size in (4, 32):
        same(answers(saved, rows, batch_size), alone)
    order = [*range(1, len(rows), 2), *range(0, len(rows), 2)][::-1]
    same(answers(saved, rows.take(order), 5), alone[order])
    same(answers(saved, rows.take(range(3, 9)), 32), alone[3:9])
    saved.model.save_pretrained(folder)
    same(piped(folder, rows, task.labels, dtype), alone)


def widen(saved: SavedModel) -> None:
    """Double all weights: tiny random models give nearly equal answers to all texts."""
    with torch.no_grad():
        for tensor in saved.model.parameters():
            if tensor.dim() > 1:
                tensor.mul_(2)


def answers(saved: SavedModel, rows: Split, batch_size: int) -> torch.Tensor:
    return torch.from_numpy(predict(saved, rows, batch_size=batch_size).answers)


def same(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def piped(folder: Path, rows: Split, labels: tuple[str, ...], dtype: torch.dtype) -> torch.Tensor:
    """Return what transformers' pipeline says of the folder's texts, one at a time."""
    pipe = pipeline("text-classification", str(folder), device="cpu", dtype=dtype)
    given = [dict(zip(("text", "text_pair"), row, strict=False)) for row in rows.texts]
    found = [pipe(row, truncation=True, top_k=None) for row in given]
    scores = [{answer["label"]: answer["score"] for answer in row} for row in found]
    return torch.tensor([[row[label] for label in labels] for row in scores])
