"""Flip 5 % of a table's labels, and measure how many of them are found.

    python -m benchmarks.label_errors [--rows 8000] [--data /data] [--steps 5000] [--table sst2]

Two tables: SST-2 (two classes) and Banking77 (77). `wrong_classes` ranks all rows by the probabilities of
`out_of_fold`: heads fitted on frozen vectors of the encoder, words and nearest rows, pooled. With few classes two
vectors are tried, the mean and the means of the last four layers joined, and the one with the lower out-of-fold log
loss counts. No true label is looked at. It is compared with the loss that one model, fine-tuned on all rows by the
usual recipe, has on these rows.

Prints a Markdown table: average precision of the ranking, recall among as many rows as were flipped, and precision and
recall of the suspects. The bounds below are what we hold ourselves to.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, log_loss
from transformers import AutoModel, AutoTokenizer

from headstart.data.loading import load_task
from headstart.estimators.estimators import HeadstartClassifier
from headstart.fitted.out_of_fold import out_of_fold
from headstart.kinds.catalogue import kind_named
from headstart.models.own_process import prepare_process
from headstart.models.source import resolve_model
from headstart.stats.label_errors import wrong_classes
from headstart.tables.reading import read_table

MODEL, MAX_LENGTH = "embedded:minilm-l6", 64
SHARE_FLIPPED = 0.05
NUM_LAYERS = 4
MANY_CLASSES = 20
LEAST_GAIN, LEAST_RECALL = 2.0, 0.5
"""Average precision as a multiple of the loss', and recall among as many rows as were flipped."""

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Flipped:
    """A table whose labels were flipped.

    Attributes:
        texts: [n].
        labels: [n], after flipping.
        is_flipped: [n].
    """

    name: str
    texts: list[str]
    labels: Labels
    is_flipped: NDArray[np.bool_]


@dataclass(frozen=True)
class Found:
    """How well a ranking finds flipped labels, all 0 to 1."""

    average_precision: float
    recall: float


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=8_000, help="Of each table, drawn at random.")
    parser.add_argument("--data", type=Path, help="Folder with glue/sst2 and user/banking77 (Default: the data root).")
    parser.add_argument("--steps", type=int, help="Updates of the fine-tuned model (Default: the usual recipe's).")
    parser.add_argument("--table", choices=["sst2", "banking77"], help="Only this one.")
    parser.add_argument("--ranking-only", action="store_true", help="Train no model to compare with.")
    arguments = parser.parse_args()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    prepare_process()
    print(
        "| table | rows | flipped | ranked by | average precision | recall | seconds |\n|---|---|---|---|---|---|---|"
    )
    for name in ("sst2", "banking77"):
        if arguments.table in (None, name):
            table = flip(name, *read(name, arguments.data, arguments.rows))
            _measure(table, arguments.steps, ranking_only=arguments.ranking_only)


def read(name: str, data: Path | None, num_rows: int) -> tuple[list[str], Labels]:
    """Return texts and classes of a table's training rows, at most `num_rows` of them."""
    if name == "sst2":
        split = load_task("glue/sst2", data_root=data, splits=("train",)).splits["train"]
        texts, labels = [each[0] for each in split.texts], np.asarray(split.labels)
    else:
        table = read_table(str((data or Path("data")) / "user" / "banking77" / "train.csv"))
        texts, labels = list(table.columns["text"]), np.unique(table.columns["category"], return_inverse=True)[1]
    rows = np.random.default_rng(1).permutation(len(texts))[:num_rows]
    return [texts[row] for row in rows], labels[rows]


def flip(name: str, texts: list[str], labels: Labels, seed: int = 0) -> Flipped:
    """Return the table with 5 % of its labels changed to another class, each other class as likely."""
    generator, num_classes = np.random.default_rng(seed), int(labels.max()) + 1
    is_flipped = np.zeros(len(labels), dtype=bool)
    is_flipped[generator.choice(len(labels), round(SHARE_FLIPPED * len(labels)), replace=False)] = True
    moves = generator.integers(1, num_classes, len(labels)) * is_flipped
    return Flipped(name=name, texts=texts, labels=(labels + moves) % num_classes, is_flipped=is_flipped)


def _measure(table: Flipped, steps: int | None, *, ranking_only: bool) -> None:
    begin = time.perf_counter()
    found = wrong_classes(probabilities(table), table.labels)
    ours = quality(found.quality, table.is_flipped)
    _print(table, "out-of-fold probability", ours, time.perf_counter() - begin)
    loss = None if ranking_only else _by_loss(table, steps)
    suspects = table.is_flipped[found.is_suspect]
    print(
        f"\n{table.name}: {len(suspects):,} suspects, {100 * suspects.mean():.1f} % of them flipped; they hold "
        f"{100 * suspects.sum() / table.is_flipped.sum():.1f} % of the flipped labels. {_verdict(ours, loss)}\n",
        flush=True,
    )


def _by_loss(table: Flipped, steps: int | None) -> Found:
    """Return how well the loss of a model that was fine-tuned on these rows points at flipped labels."""
    begin = time.perf_counter()
    model = HeadstartClassifier(MODEL, strategy="finetune", steps=steps, max_length=MAX_LENGTH)
    own = model.fit(table.texts, table.labels).predict_proba(table.texts)[np.arange(len(table.labels)), table.labels]
    found = quality(own, table.is_flipped)
    _print(table, f"loss of a model after {model.run_.num_steps:,} updates", found, time.perf_counter() - begin)
    return found


def _verdict(ours: Found, loss: Found | None) -> str:
    recall = f"Recall {ours.recall:.2f} (bound {LEAST_RECALL})"
    if loss is None:
        return f"{recall}."
    gain = ours.average_precision / loss.average_precision
    verdict = "held" if gain >= LEAST_GAIN and ours.recall >= LEAST_RECALL else "MISSED"
    return f"{recall}, average precision {gain:.2f} times the loss' (bound {LEAST_GAIN}): {verdict}."


def quality(scores: Floats, is_flipped: NDArray[np.bool_]) -> Found:
    """Return how well low scores [n] point at flipped labels."""
    number = int(is_flipped.sum())
    return Found(
        average_precision=float(average_precision_score(is_flipped, -scores)),
        recall=float(is_flipped[np.argsort(scores, kind="stable")[:number]].mean()),
    )


def probabilities(table: Flipped) -> Floats:
    """Return out-of-fold probabilities [n, c], of the vector with the lower log loss."""
    mean, joined = _vectors(table.texts)
    candidates = (mean,) if table.labels.max() >= MANY_CLASSES else (mean, joined)
    texts, num_labels = [(text,) for text in table.texts], int(table.labels.max()) + 1
    found = [
        out_of_fold(vectors, texts, table.labels, kind_named("classification"), num_labels=num_labels)
        for vectors in candidates
    ]
    return min((each for each in found if each is not None), key=lambda each: log_loss(table.labels, each))


def _vectors(texts: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mean of the tokens' vectors [n, d], and the means of the last four layers joined [n, 4 d]."""
    folder = resolve_model(MODEL).path
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    joined = np.empty((len(texts), NUM_LAYERS * model.config.hidden_size), dtype=np.float32)
    with torch.inference_mode():
        for begin in range(0, len(order), 64):
            rows = order[begin : begin + 64]
            batch = tokenizer(
                [texts[row] for row in rows], padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt"
            )
            mask = batch["attention_mask"].unsqueeze(-1)
            layers = model(**batch, output_hidden_states=True).hidden_states[-NUM_LAYERS:]
            joined[rows] = torch.cat([(layer * mask).sum(1) / mask.sum(1) for layer in layers], dim=1).numpy()
    return joined[:, -model.config.hidden_size :], joined


def _print(table: Flipped, name: str, found: Found, seconds: float) -> None:
    print(
        f"| {table.name} | {len(table.labels):,} | {table.is_flipped.sum():,} | {name} "
        f"| {found.average_precision:.3f} | {found.recall:.3f} | {seconds:.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
