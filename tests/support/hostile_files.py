"""Recipes and tables of a stranger: each is meant to harm whoever reads it."""

from __future__ import annotations

import gzip
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.support.hostile_stores import ESCAPES

Make = Callable[[Path], None]
"""Write the file."""


def text(content: str | bytes) -> Make:
    """Write this content."""
    return lambda path: path.write_bytes(content.encode() if isinstance(content, str) else content) and None


def _aliases() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 12)]
    return "\n".join([*lines, "strategies: *a11"])


def _bomb(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"text,label\n")
        for _ in range(768):
            file.write(b"a" * (1 << 20))
        file.write(b",good\n")


def _sheet_bomb(path: Path) -> None:
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open("xl/worksheets/sheet1.xml", "w") as sheet,
    ):
        for _ in range(256):
            sheet.write(b" " * (1 << 20))


RECIPES: dict[str, Make] = {
    "aliases": text(_aliases()),
    "python objects": text("model: !!python/object/apply:os.system ['touch executed']\n"),
    "nested": text("a: " + "[" * 50_000 + "]" * 50_000),
    "option of the engine": text("trainer:\n  push_to_hub: true\n  output_dir: ../outside/output\n"),
    "fifo": os.mkfifo,
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "not a text": text(bytes(range(128, 256))),
    "escapes": text(json.dumps({ESCAPES: 1})),
    "only a list": text("- 1\n- 2\n"),
    "long": text("strategies: " + "a," * (1 << 24)),
}

TABLES: dict[str, tuple[str, Make]] = {
    "bomb": (".csv.gz", _bomb),
    "bomb in a spreadsheet": (".xlsx", _sheet_bomb),
    "nested": (".jsonl", text('{"text": ' + "[" * 100_000 + "]" * 100_000 + ', "label": 1}\n')),
    "fifo": (".csv", os.mkfifo),
    "endless": (".csv", lambda path: path.symlink_to("/dev/zero")),
    "endless lines": (".jsonl", lambda path: path.symlink_to("/dev/zero")),
    "nul": (".csv", text(b"text,label\n" + b"\0" * 10_000)),
    "escapes": (".csv", text(f'text,label\n{ESCAPES},"=cmd()"\nb,{ESCAPES}\n' * 10)),
    "many columns": (".csv", text(",".join(map(str, range(200_000))) + "\n")),
    "not parquet": (".parquet", text(b"PAR1" + b"\xff" * 1000 + b"PAR1")),
    "folder": (".csv", lambda path: path.mkdir()),
}
"""By what is wrong with each: how its name ends, and what writes it."""
