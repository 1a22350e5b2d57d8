"""Tiny trained-looking classifiers, and folders of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from headstart.artifacts.model_folder import save_model_folder
from headstart.artifacts.model_info import ModelInfo
from headstart.data.batching import PaddingCollator
from headstart.data.examples import Split
from headstart.data.tokenisation import tokenize
from headstart.inference.forward import batched_logits
from headstart.inference.passes import PassSize
from headstart.models.classifier import Classifier
from headstart.models.loading import load_classifier, load_tokenizer
from headstart.models.source import resolve_model
from headstart.registry import Spec
from headstart.tasks.task import Task
from tests.support.tiny import make_checkpoint

MAX_LENGTH = 24
PAIR_TASK = Task(
    name="pairs.csv",
    text_columns=("first", "second"),
    label_column="verdict",
    labels=("no", "yes"),
    metrics=("accuracy",),
)
TEXT_TASK = Task(
    name="texts.csv",
    text_columns=("text",),
    label_column="verdict",
    labels=("bad", "fair", "good"),
    metrics=("accuracy", "macro_f1"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A classifier with a fresh head, its tokenizer, and what a run would say of it."""

    classifier: Classifier
    tokenizer: PreTrainedTokenizerBase
    info: ModelInfo


def make_example(
    checkpoint: Path, *, task: Task = TEXT_TASK, head: str = "native", adapter: str | None = None, seed: int = 3
) -> Example:
    """Return a classifier on `checkpoint` whose logits differ from row to row."""
    source = resolve_model(str(checkpoint))
    classifier = load_classifier(
        source,
        kind=task.kind,
        labels=task.labels,
        head=Spec.parse(head),
        reads_spans=task.has_spans,
        seed=seed,
        attention="eager",
    )
    if adapter is None:
        amplify(classifier)
    info = ModelInfo(
        task=task,
        head=Spec.parse(head),
        model=str(checkpoint),
        model_revision=source.revision,
        strategy="adapter" if adapter else "finetune",
        adapter=Spec.parse(adapter) if adapter else None,
        seed=seed,
        max_length=MAX_LENGTH,
        attention="eager",
    )
    return Example(classifier=classifier, tokenizer=load_tokenizer(source), info=info)


def amplify(classifier: Classifier) -> None:
    """Make all weights larger: tiny random models otherwise say the same of every text."""
    with torch.no_grad():
        for tensor in (*classifier.head_tensors().values(), *classifier.backbone_tensors().values()):
            if tensor.is_floating_point() and tensor.dim() == 2:
                tensor.mul_(5)


def texts(task: Task, num_rows: int = 23) -> Split:
    """Return rows of different lengths, some longer than the maximum, in no order of length."""
    words = ["the", "cat", "dog", "sees", "every", "some", "not", "runs", "and", "big", "small", "bird", "red"]
    rows = []
    for row in range(num_rows):
        length = 1 + (row * 7) % 31
        text = " ".join(words[(row + k * k) % len(words)] for k in range(length))
        rows.append((text,) if len(task.text_columns) == 1 else (text, " ".join(reversed(text.split()[:5]))))
    return Split(texts=tuple(rows))


def save_example(folder: Path) -> Path:
    """Save a tiny model into a new folder in `folder`, and return it."""
    example = make_example(make_checkpoint(folder / "source", "bert"))
    save_model_folder(example.classifier, example.tokenizer, folder / "model", info=example.info)
    return folder / "model"


def write_numbered(path: Path, num_rows: int) -> str:
    """Write a CSV table of `texts` with the columns id and text; return its path."""
    rows = (f"{row},{text}" for row, (text,) in enumerate(texts(TEXT_TASK, num_rows).texts))
    path.write_text("\n".join(["id,text", *rows]) + "\n")
    return str(path)


def logits_of(model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, split: Split) -> torch.Tensor:
    """Return fp32 logits on the CPU."""
    tokenized = tokenize(split, tokenizer, max_length=MAX_LENGTH)
    return batched_logits(
        model, tokenized, PaddingCollator(tokenizer), size=PassSize(rows=4), precision="fp32", device="cpu"
    )
