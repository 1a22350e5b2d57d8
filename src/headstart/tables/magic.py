"""What a file is by its first bytes, whatever it is called."""

from __future__ import annotations

HEAD_BYTES = 4096
"""How much of a file is looked at."""
ZIP = b"PK\x03\x04"
MAGIC: dict[bytes, str] = {
    b"PAR1": "a Parquet file; call it .parquet",
    b"ARROW1": "an Arrow file; call it .arrow",
    b"\xff\xff\xff\xff": "a stream of Arrow; write it as a file (.arrow), or as Parquet",
    b"\x1f\x8b": "packed with gzip; end its name in .gz, as in table.csv.gz",
    b"BZh": "packed with bzip2; unpack it",
    b"\xfd7zXZ\x00": "packed with xz; unpack it",
    b"\x28\xb5\x2f\xfd": "packed with zstd; unpack it",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Office file (.xls, .doc); save it as .xlsx or CSV",
    b"%PDF": "a PDF; save its text as a table, one row for each document",
    b"{\\rtf": "an RTF document; save its text as a table, one row for each document",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"SQLite format 3\x00": "an SQLite database; save a query's rows as CSV",
    b"\x89HDF\r\n": "an HDF5 file; save its table as CSV or Parquet",
    b"$FL2": "a file of SPSS; call it .sav",
    b"$FL3": "a file of SPSS; call it .zsav",
    b"<stata_dta>": "a file of Stata; call it .dta",
    b"Obj\x01": "an Avro file; save its rows as CSV or Parquet",
    b"ORC": "an ORC file; save its rows as CSV or Parquet",
    b"\x93NUMPY": "an array of NumPy; save its rows as CSV or Parquet",
    b"\x7fELF": "a program",
    b"MZ\x90\x00": "a program",
}
"""How files of a kind begin -> what they are, and the way on."""
PICKLES = tuple(bytes([0x80, protocol]) for protocol in (2, 3, 4, 5))
NEEDS_CONTROL = (b"ORC", b"BZh", b"GIF8", b"Rar!", b"PAR1", b"ARROW1", b"$FL2", b"$FL3")
"""Text can begin so too: only together with bytes that no text holds."""
WEB_PAGES = (b"<!doctype html", b"<html")
ARCHIVES: dict[bytes, str] = {
    b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet": "a spreadsheet; call it .ods",
    b"xl/": "an Excel file; call it .xlsx",
    b"[Content_Types].xml": "an Office file; a spreadsheet is called .xlsx",
    b"word/": "a Word document; save its text as a table, one row for each document",
}
"""What stands in a ZIP archive of a kind -> what it is, the surest first."""


def binary_kind(head: bytes) -> str:
    """Return what a file is that is no text, and the way on; "" if its first bytes may be text's.

    Args:
        head: its first bytes, at most `HEAD_BYTES` of them are looked at.
    """
    head = head[:HEAD_BYTES]
    if head.startswith(ZIP):
        return next((said for sign, said in ARCHIVES.items() if sign in head), "a ZIP archive; unpack it")
    for sign, said in MAGIC.items():
        if head.startswith(sign) and (sign not in NEEDS_CONTROL or _holds_control(head)):
            return said
    if head.startswith(PICKLES):
        return "a pickle, which can run code and is not opened; save its rows as CSV or Parquet"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:20].lower().startswith(WEB_PAGES):
        return "a web page (HTML), and no table; was the address of a page saved in place of the file?"
    return ""


def _holds_control(head: bytes) -> bool:
    return any(byte < 9 or 13 < byte < 32 for byte in head)
