"""Model folders that are ready to be exported, and rows for them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headstart.artifacts.model_folder import save_model_folder
from headstart.artifacts.saved_model import SavedModel
from headstart.data.batching import PaddingCollator
from headstart.data.examples import Split
from headstart.data.tokenisation import tokenize
from headstart.inference.forward import batched_logits
from headstart.inference.passes import PassSize
from headstart.tasks.task import Task
from tests.support.other_architectures import make_other_checkpoint
from tests.support.paths import REPOSITORY
from tests.support.saved import TEXT_TASK, make_example, texts
from tests.support.tiny import ARCHITECTURES, make_checkpoint

LACKING = "the extra 'onnx' is not installed"


def make_folder(
    folder: Path,
    *,
    architecture: str = "bert",
    task: Task = TEXT_TASK,
    head: str = "mlp",
    padding_side: str = "right",
    truncation_side: str = "right",
    **info: Any,
) -> Path:
    """Write a model folder with a tiny model whose logits differ from row to row; `info` are fields of its info."""
    make = make_checkpoint if architecture in ARCHITECTURES else make_other_checkpoint
    example = make_example(make(folder / "checkpoint", architecture), task=task, head=head)
    example.tokenizer.padding_side, example.tokenizer.truncation_side = padding_side, truncation_side
    # A tokenizer that has been used, whose last call must not stand in the folder.
    example.tokenizer(["the cat"], truncation=True, padding="max_length", max_length=7)
    out = folder / "model"
    save_model_folder(example.classifier, example.tokenizer, out, info=replace(example.info, **info))
    return out


def rows_of(task: Task, num_rows: int = 23) -> Split:
    """Return rows of different lengths, some longer than the model reads; where it reads choices, two to four."""
    split = texts(task, num_rows)
    if not task.kind.has_choices:
        return split
    words = ["cat", "big dog", "the river", "a very small bird"]
    return split.with_columns(choices=tuple(tuple(words[: 2 + row % 3]) for row in range(num_rows)))


def asked(split: Split) -> dict[str, Any]:
    """Return the arguments of the runtime's calls."""
    return {
        "rows": [row[0] if len(row) == 1 else row for row in split.texts],
        "choices": split.choices,
    }


def torch_logits(saved: SavedModel, split: Split) -> npt.NDArray[np.float32]:
    """Return what the model itself says, on rows in batches of 4."""
    info = saved.info
    tokens = tokenize(
        split, saved.tokenizer, max_length=info.max_length, truncation=info.truncation, stride=info.stride
    )
    collate = PaddingCollator(saved.tokenizer, kind=info.task.kind)
    return batched_logits(saved.model, tokens, collate, size=PassSize(rows=4), precision="fp32", device="cpu").numpy()


def run_with_runtime(code: str, *arguments: object, given: str = "") -> str:
    """Return what code prints in a process that finds headstart-runtime of this checkout; `given` is its input."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        input=given,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "runtime" / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
