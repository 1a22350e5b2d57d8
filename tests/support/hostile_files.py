"""Recipes and tables of a stranger: each is meant to harm whoever reads it."""

from __future__ import annotations

import gzip
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def _far_cell(path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    book.active["A1"], book.active["B1"], book.active["XFD1048576"] = "text", "label", "good"
    book.save(path)


def _repeated_rows(path: Path) -> None:
    import pandas as pd

    pd.DataFrame({"text": ["a", "b"], "label": ["good", "bad"]}).to_excel(str(path), index=False)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    row = b"<table:table-row"
    contents["content.xml"] = contents["content.xml"].replace(row, row + b' table:number-rows-repeated="90000000"')
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def _one_text_in_all_rows() -> Any:
    import pyarrow as pa

    column = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), ["a" * (1 << 20)])
    return pa.table({"text": column, "label": ["good", "bad"] * 10_000})


def _parquet_bomb(path: Path) -> None:
    import pyarrow.parquet

    pyarrow.parquet.write_table(_one_text_in_all_rows(), path, compression="zstd", store_schema=False)


def _arrow_bomb(path: Path) -> None:
    import pyarrow as pa

    table = _one_text_in_all_rows()
    with pa.ipc.new_file(str(path), table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)


def _many_rows(path: Path) -> None:
    import pandas as pd

    pd.DataFrame({"text": ["a", "b"], "label": [0, 1]}).to_stata(path, version=118)
    rows = b"<N>" + (2).to_bytes(8, "little")
    path.write_bytes(path.read_bytes().replace(rows, b"<N>" + (2 * 10**9).to_bytes(8, "little")))


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
    "far cell": (".xlsx", _far_cell),
    "repeated rows": (".ods", _repeated_rows),
    "one text in all rows": (".parquet", _parquet_bomb),
    "one category in all rows": (".arrow", _arrow_bomb),
    "many rows": (".dta", _many_rows),
    "keys are values": (".jsonl", text("".join(f'{{"key {number}": 1}}\n' for number in range(40_000)))),
    "nested": (".jsonl", text('{"text": ' + "[" * 100_000 + "]" * 100_000 + ', "label": 1}\n')),
    "fifo": (".csv", os.mkfifo),
    "fifo of Parquet": (".parquet", os.mkfifo),
    "endless spreadsheet": (".xlsx", lambda path: path.symlink_to("/dev/zero")),
    "endless": (".csv", lambda path: path.symlink_to("/dev/zero")),
    "endless lines": (".jsonl", lambda path: path.symlink_to("/dev/zero")),
    "nul": (".csv", text(b"text,label\n" + b"\0" * 10_000)),
    "escapes": (".csv", text(f'text,label\n{ESCAPES},"=cmd()"\nb,{ESCAPES}\n' * 10)),
    "many columns": (".csv", text(",".join(map(str, range(200_000))) + "\n")),
    "not parquet": (".parquet", text(b"PAR1" + b"\xff" * 1000 + b"PAR1")),
    "folder": (".csv", lambda path: path.mkdir()),
}
"""By what is wrong with each: how its name ends, and what writes it."""
