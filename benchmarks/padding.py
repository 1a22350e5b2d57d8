"""The share of padding in batches of real rows: of updates, and of passes without gradients on a processor and a GPU.

    python -m benchmarks.padding [--data-root ../shared/data] [--model embedded:minilm-l6]

Only lengths are looked at; nothing is computed. Prints a Markdown table. An update's padding is that of one epoch. The
last two columns are what it would be if each update went through the model in parts of like length, and if its width
were not rounded up to a multiple of 8.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from headstart.cli.session import open_session
from headstart.data.batching import PADDING_MULTIPLE, LengthBucketSampler
from headstart.data.tokenisation import tokenize
from headstart.experiments.experiment import TaskSource
from headstart.inference.passes import PassSize
from headstart.training.like_lengths import ROWS_OF_A_PART

TASKS = ("glue/rte", "glue/mrpc", "glue/cola", "glue/sst2", "super_glue/boolq", "super_glue/cb")
BATCH_SIZES = (16, 32)
MAX_LENGTH = 256
COLUMNS = (
    *("task", "rows", "at random, 16", *(f"updates of {size}" for size in BATCH_SIZES)),
    *("evaluation, CPU", "evaluation, GPU", "updates of 32 in parts", "updates of 32, not rounded"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", default="embedded:minilm-l6")
    given = parser.parse_args()
    cache = open_session()
    print(f"| {' | '.join(COLUMNS)} |")
    print("|---" * len(COLUMNS) + "|")
    for name in TASKS:
        split = cache.rows.of(TaskSource(name=name, data_root=str(given.data_root))).splits["train"]
        lengths = tokenize(split, cache.tokenizer(given.model), max_length=MAX_LENGTH).lengths
        print(f"| {name} | {len(lengths)} | {' | '.join(f'{share:.1%}' for share in shares(lengths))} |", flush=True)


def shares(lengths: Sequence[int]) -> list[float]:
    """Return the shares of padding that stand in a line of the table."""
    updates = {size: updates_of(lengths, size) for size in BATCH_SIZES}
    longest_first = sorted(lengths, reverse=True)
    on_cpu, on_gpu = (
        [
            [longest_first[row] for row in batch]
            for batch in PassSize.usual(device).batches(range(len(lengths)), lambda row: longest_first[row : row + 1])
        ]
        for device in ("cpu", "cuda")
    )
    parts = [part for batch in updates[32] for part in cut(sorted(batch), ROWS_OF_A_PART)]
    return [
        padding(cut(lengths, 16), PADDING_MULTIPLE),
        *(padding(batches, PADDING_MULTIPLE) for batches in updates.values()),
        padding(on_cpu, PADDING_MULTIPLE),
        padding(on_gpu, 1),
        padding(parts, PADDING_MULTIPLE),
        padding(updates[32], 1),
    ]


def updates_of(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Return the lengths in the updates of one epoch."""
    order = LengthBucketSampler(lengths, batch_size, root_seed=0, role="finetune")
    return cut([lengths[row] for row in order], batch_size)


def cut(values: Sequence[int], size: int) -> list[list[int]]:
    return [list(values[begin : begin + size]) for begin in range(0, len(values), size)]


def padding(batches: Iterable[Sequence[int]], multiple: int) -> float:
    """Return the share of padding tokens among all that go through the model."""
    tokens = padded = 0
    for batch in batches:
        tokens += sum(batch)
        padded += len(batch) * -(-max(batch) // multiple) * multiple
    return 1 - tokens / padded


if __name__ == "__main__":
    main()
