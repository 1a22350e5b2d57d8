"""Pictures of a terminal of 80 columns: `headstart inspect` of each file of tests/data/tables, to be looked at.

python -m tests.support.terminal_pictures FOLDER [WORDS]   # WORDS: only files whose case says so, as csv/
"""

from __future__ import annotations

import html
import io
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from tests.support.browser import running_browser
from tests.support.paths import REPOSITORY

TABLES = REPOSITORY / "tests" / "data" / "tables"
WIDTH = 80
ONE_PROCESS = """
import json, sys
from headstart.cli.main import main
for arguments in map(json.loads, sys.stdin):
    sys.argv = ["headstart", "inspect", *arguments]
    try:
        main()
    except SystemExit:
        pass
    sys.stderr.flush()
    print("\\0", flush=True)
"""
"""What runs many commands in one process; a NUL ends the words of each."""


def commands(words: str = "") -> list[list[str]]:
    """Return the arguments of `inspect` for each case of the corpus whose words hold these."""
    cases = tomllib.loads((TABLES / "expected.toml").read_text(encoding="utf-8"))["table"]
    return [[case["file"], *_flags(case.get("options", {}))] for case in cases if words in f"{case['file']} {case}"]


def _flags(options: dict[str, Any]) -> list[str]:
    flags: list[str] = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        flags += [flag] if value is True else [flag, ",".join(value) if isinstance(value, list) else str(value)]
    return flags


def screens(arguments: list[list[str]]) -> list[str]:
    """Return what a terminal shows of each command, both streams, with its colours as ANSI codes."""
    done = subprocess.run(
        [sys.executable, "-c", ONE_PROCESS],
        input="\n".join(map(json.dumps, arguments)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=TABLES,
        env={**os.environ, "COLUMNS": str(WIDTH), "FORCE_COLOR": "1", "TERM": "xterm-256color", "HF_HUB_OFFLINE": "1"},
        text=True,
        check=False,
    )
    found = done.stdout.split("\0\n")
    if len(found) != len(arguments) + 1:
        raise RuntimeError(f"{arguments[len(found) - 1]} ended the process:\n{found[-1]}")
    return found[:-1]


def page(screen: str, command: str) -> str:
    """Return an HTML page as wide as the terminal; longer lines are folded at its edge, as terminals do."""
    console = Console(width=WIDTH, record=True, file=io.StringIO(), legacy_windows=False)
    console.print(Text(f"$ headstart inspect {command}", style="bold"), overflow="fold")
    for line in screen.splitlines():
        whole = Text.from_ansi(line)
        for start in range(0, max(len(whole), 1), WIDTH):
            console.print(
                whole[start : start + WIDTH] if len(whole) else "", no_wrap=True, overflow="ignore", crop=False
            )
    body = console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")
    style = (
        "body{margin:8px;background:#fff}pre{margin:0;font:14px/18px 'DejaVu Sans Mono',monospace;width:80ch;"
        "border:1px solid #999}"
    )
    return f"<meta charset=utf-8><title>{html.escape(command)}</title><style>{style}</style>{body}"


def main(folder: str, words: str = "") -> None:
    """Write a picture for each case."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    arguments = commands(words)
    with running_browser() as browser:
        view = browser.new_page(viewport={"width": 720, "height": 200})
        for number, (each, screen) in enumerate(zip(arguments, screens(arguments), strict=True)):
            view.set_content(page(screen, " ".join(each)))
            name = "".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in " ".join(each))
            view.screenshot(path=target / f"{number:03d}-{name[:80]}.png", full_page=True)
    print(f"{len(arguments)} pictures in {target.resolve()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
