"""Texts as fastText wants them: a line holds labels that begin with `__label__`, and then the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from headstart.tables.file_options import FileOptions
from headstart.tables.table import Table
from headstart.tables.text_lines import text_lines

LABEL = "__label__"
LABELS = re.compile(rf"(?:{LABEL}\S+\s+)*(?:{LABEL}\S+\s*)?")
"""What a line begins with."""
NOTE = f"fastText's format: labels begin with {LABEL}, the text follows"


def is_fasttext(path: Path, options: FileOptions) -> bool:
    """Whether the first line of a text file begins with a label."""
    with text_lines(path, options) as lines:
        return any(line.startswith(LABEL) for line in lines.peek(1))


def scan_fasttext(path: Path, options: FileOptions, chunk_rows: int) -> Iterator[Table]:
    """Yield a file piece by piece as the columns `text` and `label`, a list; blank lines are no rows.

    A line without a label has none, which is not "none of them".
    """
    with text_lines(path, options) as lines:
        rows = ((lines.number, line) for line in lines if line.strip())
        while True:
            piece = list(islice(rows, chunk_rows))
            heads = [LABELS.match(line) for _, line in piece]
            ends = [0 if head is None else head.end() for head in heads]
            labels = [
                [word.removeprefix(LABEL) for word in line[:end].split()]
                for (_, line), end in zip(piece, ends, strict=True)
            ]
            yield Table(
                path=path,
                columns={
                    "label": [each or None for each in labels],
                    "text": [line[end:].strip() for (_, line), end in zip(piece, ends, strict=True)],
                },
                lines=tuple(number for number, _ in piece),
                faults=lines.pop_faults(),
                notes=(NOTE,),
            )
            if len(piece) < chunk_rows:
                return
