"""A text's answer is its own: it depends neither on batches, order and company, nor on who loads the folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import pipeline

import headstart.auto  # noqa: F401 - so that transformers' pipelines know our heads
from headstart.artifacts.model_folder import SavedModel, save_model_folder
from headstart.data.examples import Split
from headstart.inference.predict import predict
from headstart.inference.saved import load_saved_model
from headstart.tasks.task import Task
from tests.matrix.cells import TEXTS, checkpoint
from tests.support.saved import PAIR_TASK, TEXT_TASK, amplify, make_example, texts

ARCHITECTURES = sorted((*TEXTS, "funnel", "squeezebert"))
IN_CI = ("bert", "gpt2", "roberta", "funnel")
NATIVE_ALONE = ("squeezebert",)
SPREAD = 0.02
"""Answers that differ by less than this do not show what they depend on."""


def cells() -> list[object]:
    return [
        pytest.param(name, head, id=f"{name}-{head}", marks=() if name in IN_CI else pytest.mark.slow)
        for name in ARCHITECTURES
        for head in ("native", "linear")
        if head == "native" or name not in NATIVE_ALONE
    ]


@pytest.mark.parametrize(("architecture", "head"), cells())
@pytest.mark.parametrize("task", [TEXT_TASK, PAIR_TASK], ids=["texts", "pairs"])
def test_an_answer_is_the_text_s_own(architecture: str, head: str, task: Task, tmp_path: Path) -> None:
    example = make_example(checkpoint(architecture, tmp_path / "source"), task=task, head=head)
    rows, folder = texts(task), tmp_path / "model"
    save_model_folder(example.classifier, example.tokenizer, folder, info=example.info)
    saved = load_saved_model(folder)
    saved.model.double()  # So that what is left of a difference is not rounding.
    for _ in range(3):
        alone = answers(saved, rows, 1)
        if alone.std(dim=0).max() > SPREAD:
            break
        amplify(saved.classifier)
    assert alone.std(dim=0).max() > SPREAD
    for batch_size in (4, 32):
        same(answers(saved, rows, batch_size), alone)
    order = [*range(1, len(rows), 2), *range(0, len(rows), 2)][::-1]
    same(answers(saved, rows.take(order), 5), alone[order])
    same(answers(saved, rows.take(range(3, 9)), 32), alone[3:9])
    saved.model.save_pretrained(folder)
    same(piped(folder, rows, task.labels), alone)


def answers(saved: SavedModel, rows: Split, batch_size: int) -> torch.Tensor:
    return torch.from_numpy(predict(saved, rows, batch_size=batch_size).answers)


def same(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def piped(folder: Path, rows: Split, labels: tuple[str, ...]) -> torch.Tensor:
    """Return what transformers' pipeline says of the folder's texts, one at a time."""
    pipe = pipeline("text-classification", str(folder), device="cpu", dtype=torch.float64)
    given = [dict(zip(("text", "text_pair"), row, strict=False)) for row in rows.texts]
    found = [pipe(row, truncation=True, top_k=None) for row in given]
    scores = [{answer["label"]: answer["score"] for answer in row} for row in found]
    return torch.tensor([[row[label] for label in labels] for row in scores])
