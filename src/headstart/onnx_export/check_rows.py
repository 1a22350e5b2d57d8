"""The rows on which an exported network is compared with torch: a person's own, or made-up ones."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

from transformers import PreTrainedTokenizerBase

from headstart.artifacts.model_info import ModelInfo
from headstart.data.examples import Split, joined
from headstart.data.user_rows import read_labelled
from headstart.inference.identity import InputState
from headstart.inference.rows import RowCheck, Rows, as_in_file, as_model_read, check_rows
from headstart.models.input_limits import InputLimits
from headstart.seeding import numpy_generator
from headstart.tables.paths import located
from headstart.tables.reading import scan_table

MOST_ROWS = 512
NUM_MADE = 48
CHUNK_ROWS = 1_000
STREAM = "onnx_check"


def rows_of_file(file: str, info: ModelInfo, check: RowCheck | None) -> Split:
    """Return up to 512 complete rows of a table or a folder, evenly spread over it, read as the model's own were.

    Where it has the model's column of labels, the rows are those that `headstart evaluate` scores, with their labels.

    Args:
        file: as `headstart predict` takes it.
        info: of the model.
        check: what is looked at in the rows beside their cells.

    Raises:
        UsageError: if the table cannot be found.
        DataError: if rows cannot be read, or a label is none of the model's; all faults at once.
    """
    file = located(file)
    task = as_in_file(info.task, file)
    options = replace(as_model_read(info, file, task)[0], modality=task.modality)
    first = next(iter(scan_table(file, options, chunk_rows=1)))
    if task.label_column in first.columns:
        as_labelled, _ = as_model_read(info, file, task, labelled=True)
        split = read_labelled(file, task, as_labelled).split
        return split.take(range(0, len(split), _step(len(split))))
    rows = Rows(file=file, options=options, task=task, state=InputState.of(file), chunk_rows=CHUNK_ROWS)
    found = check_rows(rows, check)
    step = _step(found.num_rows - found.num_incomplete)
    splits, num_before = [], 0
    for chunk in rows.chunks():
        splits.append(chunk.split.take(range(-num_before % step, len(chunk.split), step)))
        num_before += len(chunk.split)
    return reduce(joined, splits)


def _step(num_rows: int) -> int:
    """Return the distance of the rows that are taken, so that there are at most 512 of them."""
    return max(1, -(-num_rows // MOST_ROWS))


def made_rows(info: ModelInfo, tokenizer: PreTrainedTokenizerBase, limits: InputLimits) -> Split:
    """Return 48 rows of words from the tokenizer's vocabulary: from one token to twice what the model reads.

    A second text, and each choice, is of one token, so that a window has room for it.
    """
    generator = numpy_generator(0, STREAM)
    special = set(tokenizer.all_special_ids)
    ids = [each for each in range(min(len(tokenizer), limits.num_ids or len(tokenizer))) if each not in special]

    def text(num_tokens: int) -> str:
        words = str(tokenizer.decode(generator.choice(ids, num_tokens).tolist()))
        return words if words.strip() else "a"

    lengths = [1 + (2 * info.max_length - 1) * row // (NUM_MADE - 1) for row in range(NUM_MADE)]
    others = len(info.task.text_columns) - 1
    has_choices = info.task.kind.has_choices
    return Split.of(
        texts=tuple((text(length), *(text(1) for _ in range(others))) for length in lengths),
        choices=tuple(tuple(text(1) for _ in range(2 + row % 3)) for row in range(NUM_MADE)) if has_choices else None,
    )
