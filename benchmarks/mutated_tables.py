"""Read thousands of damaged tables: none may end in a traceback, hang, or lose rows without a word.

    python -m benchmarks.mutated_tables [--files 10000] [--seed 0]

Sound tables of all formats are damaged at random: bytes flipped, ends cut off, delimiters swapped, quotation marks
inserted, encodings crossed, lines repeated or joined. Each is read in this one process. A table must be refused, or the
rows that were read and those that were left out in words must be all rows that are there. How many are there is
counted without headstart: lines of delimited text (no sound cell holds a line end), objects that the json module finds,
rows that pyarrow finds.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path
from types import FrameType

from headstart.errors import HeadstartError
from headstart.tables.file_options import FileOptions
from headstart.tables.reading import read_table

LIMIT_SECONDS = 10
BINARY = (".parquet", ".arrow")
WORDS = "the a soup bread waiter room view was came warm cold \u00e9t\u00e9 \u5473\u9053 fine"

Mutation = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Outcome:
    """What reading one damaged file came to: "read", "refused", "other rows", "traceback" or "hang"."""

    name: str
    detail: str = ""


def flipped(data: bytes, draw: random.Random) -> bytes:
    """Some bytes are other bytes."""
    changed = bytearray(data)
    for _ in range(draw.randint(1, 8)):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def truncated(data: bytes, draw: random.Random) -> bytes:
    """The end is cut off."""
    return data[: draw.randrange(1, len(data))]


def delimiters_swapped(data: bytes, draw: random.Random) -> bytes:
    """One sign stands where another stood, in some places or in all."""
    old, new = draw.sample([b",", b";", b"\t", b"|", b"\n", b":"], 2)
    return data.replace(old, new, draw.choice([1, 3, -1]))


def quotes_inserted(data: bytes, draw: random.Random) -> bytes:
    """Quotation marks stand in one to four random places, at the edge of a word or inside."""
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(len(data) + 1)
        data = data[:place] + draw.choice([b'"', b'""', b"'", b'\\"']) + data[place:]
    return data


def encodings_crossed(data: bytes, draw: random.Random) -> bytes:
    """The text is written in another encoding, or read in a wrong one and written again."""
    text = data.decode("utf-8", "replace")
    if draw.random() < 0.5:
        return text.encode(draw.choice(["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1"]), "replace")
    return data.decode("latin-1").encode("utf-8")


def lines_moved(data: bytes, draw: random.Random) -> bytes:
    """Lines are repeated, joined, emptied, or stand in another order."""
    lines = data.split(b"\n")
    place = draw.randrange(len(lines))
    change = draw.randrange(4)
    if change == 0:
        lines.insert(place, lines[draw.randrange(len(lines))])
    elif change == 1 and len(lines) > 1:
        lines[place - 1 : place + 1] = [b"".join(lines[place - 1 : place + 1])]
    elif change == 2:
        lines.insert(place, draw.choice([b"", b" ", b",", b"\t", b"# a remark", b"\r"]))
    else:
        draw.shuffle(lines)
    return b"\n".join(lines)


MUTATIONS: tuple[Mutation, ...] = (
    flipped,
    truncated,
    delimiters_swapped,
    quotes_inserted,
    encodings_crossed,
    lines_moved,
)


def sound_tables(draw: random.Random) -> dict[str, bytes]:
    """Return one sound table per suffix, of 3 to 300 rows and no line end inside a cell."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = [
        " ".join(draw.choices(WORDS.split(), k=draw.randint(1, 9)))
        for _ in range(draw.randint(3, draw.choice([30, 30, 300])))
    ]
    rows = [{"text": text, "label": draw.choice(["good", "bad", "so so"]), "n": draw.randrange(9)} for text in texts]

    def delimited(sign: str) -> bytes:
        cells = [["text", "label", "n"], *([str(value) for value in row.values()] for row in rows)]
        return "".join(sign.join(row) + "\n" for row in cells).encode()

    table = pa.Table.from_pylist(rows)
    parquet, arrow = io.BytesIO(), io.BytesIO()
    pq.write_table(table, parquet)
    with pa.ipc.new_file(arrow, table.schema) as writer:
        writer.write_table(table)
    return {
        ".csv": delimited(","),
        ".tsv": delimited("\t"),
        ".txt": delimited(draw.choice(";|\t")),
        ".jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode(),
        ".json": json.dumps(rows, ensure_ascii=False, indent=draw.choice([None, 1])).encode(),
        ".parquet": parquet.getvalue(),
        ".arrow": arrow.getvalue(),
    }


def rows_there(suffix: str, data: bytes, num_sound: int) -> int | None:
    """Return how many rows a file holds, found without headstart; None where no such count is to be had."""
    if suffix in BINARY:
        return num_sound
    try:
        text = data.decode("utf-8-sig")
    except UnicodeError:
        return None
    if suffix == ".json":
        try:
            whole = json.loads(text)
        except ValueError:
            return None
        return len(whole) if isinstance(whole, list) else None
    if suffix == ".jsonl":
        return num_objects(text)
    lines = list(dropwhile(lambda line: not line.strip(' "\t'), re.split("\r\n|\r|\n", text)))
    if not lines or not any(sign in lines[0] for sign in ",;|\t"):
        # In a single column a blank line is a row.
        return None
    blank = ' "' if "\t" in lines[0] else ' "\t'
    return sum(bool(line.strip(blank)) for line in lines) - 1


def num_objects(text: str) -> int | None:
    """Return how many JSON values follow one another; None where something else stands between them."""
    decoder, place, count = json.JSONDecoder(), 0, 0
    while rest := text[place:].lstrip():
        try:
            _, end = decoder.raw_decode(rest)
        except ValueError:
            return None
        place, count = len(text) - len(rest) + end, count + 1
    return count


def outcome(path: Path, suffix: str, data: bytes, num_sound: int) -> Outcome:
    """Read one file and hold what comes out against what is there."""
    path.write_bytes(data)
    signal.alarm(LIMIT_SECONDS)
    try:
        table = read_table(path, FileOptions())
    except TimeoutError:
        return Outcome("hang")
    except HeadstartError:
        return Outcome("refused")
    except Exception:
        return Outcome("traceback", traceback.format_exc(limit=-3))
    finally:
        signal.alarm(0)
    if table.faults:
        return Outcome("refused")
    there = rows_there(suffix, data, num_sound)
    found = table.num_rows + sum(table.dropped.values())
    if there is None or found == there:
        return Outcome("read")
    return Outcome("other rows", f"{there} rows, {found} read or said: {table.notes}")


def _late(number: int, frame: FrameType | None) -> None:
    raise TimeoutError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files that went wrong")
    given = parser.parse_args()
    signal.signal(signal.SIGALRM, _late)
    draw = random.Random(given.seed)
    counts: Counter[tuple[str, str]] = Counter()
    num_wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(given.files):
            tables = sound_tables(draw)
            suffix = draw.choice(list(tables))
            num_sound = tables[".jsonl"].count(b"\n")
            data = tables[suffix]
            fitting = MUTATIONS if suffix not in BINARY else (flipped, truncated)
            for mutate in draw.sample(fitting, draw.choice([1, 1, 2])):
                data = mutate(data, draw) or b"\n"
            found = outcome(Path(folder) / f"table{suffix}", suffix, data, num_sound)
            counts[suffix, found.name] += 1
            if found.name not in ("read", "refused"):
                num_wrong += 1
                print(f"{number}{suffix}: {found.name} {found.detail}", file=sys.stderr)
                if given.keep is not None:
                    given.keep.mkdir(parents=True, exist_ok=True)
                    (given.keep / f"{number}{suffix}").write_bytes(data)
    names = ("read", "refused", "other rows", "traceback", "hang")
    print("| suffix | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for suffix in sorted({suffix for suffix, _ in counts}):
        print(f"| {suffix} | " + " | ".join(str(counts[suffix, name]) for name in names) + " |")
    sys.exit(1 if num_wrong else 0)


if __name__ == "__main__":
    main()
