#!/usr/bin/env bash
# Guess:      `frame.to_excel(path)` writes the format that the file's suffix names, whether the path is a string or a
#             `pathlib.Path`: pandas' documentation takes both, and chooses its writer by the suffix.
# Behaviour:  pandas 3.1 looks at the suffix of strings only. Given a `Path`, it writes .xlsx whatever the suffix is:
#             into `table.ods` too. Nothing is said.
# Why:        a reader that goes by the suffix refuses the file: python-calamine's `from_path` finds no 'mimetype' in
#             it. A reader must go by the content of spreadsheets (`from_filelike`).
# Source:     pandas 3.1.1, io/excel/_base.py, `ExcelWriter.__new__`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  pandas==3.1.1 openpyxl==3.1.5 odfpy==1.4.1 python-calamine==0.9.1
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys
import zipfile
from pathlib import Path

import pandas
from python_calamine import CalamineError, CalamineWorkbook

folder = Path(sys.argv[1])
by_string, by_path = folder / "string.ods", folder / "path.ods"
frame = pandas.DataFrame({"text": ["a fine film"], "label": ["good"]})
frame.to_excel(str(by_string), index=False)
frame.to_excel(by_path, index=False)


def has_spreadsheet_of(path: Path) -> str:
    names = zipfile.ZipFile(path).namelist()
    return ".ods" if "content.xml" in names else ".xlsx" if "xl/workbook.xml" in names else "?"


print(f"pandas {pandas.__version__}")
for path in (by_string, by_path):
    print(f"{path.name}: holds {has_spreadsheet_of(path)}")
try:
    CalamineWorkbook.from_path(str(by_path))
    by_suffix = "is read"
except CalamineError as error:
    by_suffix = f"is refused: {error}"
print("path.ods by its suffix  ", by_suffix)
with by_path.open("rb") as file:
    rows = CalamineWorkbook.from_filelike(file).get_sheet_by_index(0).to_python()
print("path.ods by its content ", rows)
assert has_spreadsheet_of(by_string) == ".ods", "a string behaves otherwise"
assert rows == [["text", "label"], ["a fine film", "good"]], "the way around no longer works"
assert has_spreadsheet_of(by_path) == ".xlsx" and "refused" in by_suffix, "the behaviour has changed"
PYTHON
