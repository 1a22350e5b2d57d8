"""What the documentation shows is run: every command and every block of Python, in a small world of made-up tables."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer

from headstart.cli.main import app
from tests.docs.blocks import World, blocks, commands, pages
from tests.support.commands import call
from tests.support.paths import REPOSITORY
from tests.support.processes import ended, start

LANGUAGES = {"bash", "python", "text", "yaml", "json", "dockerfile"}
PAGES = [page for page in pages() if {"bash", "python"} & {language for language, _ in blocks(page)}]
NOT_RUN = {
    "docs/guides/cluster.md": "tests/cluster and tests/cli/test_launching.py run what a machine without a cluster can",
    "docs/guides/images-and-audio.md": "tests/cli and tests/api/test_images_and_audio.py do the same with tiny models",
    "docs/guides/sharing.md": "tests/cli/test_push.py and tests/integration/test_hub_round_trip.py have a hub to ask",
    "docs/guides/private-training.md": "tests/training run private stages",
    "docs/tutorials/": "test_tutorials.py follows them word for word",
}
MADE = {
    "my-model": ("fit", "reviews.csv", "--model", "my-encoder", "--strategy", "finetune"),
    "my-rte-model": ("fit", "--task", "super_glue/rte", "--model", "my-encoder", "--strategy", "finetune"),
    "entailment": ("fit", "--task", "super_glue/rte", "--model", "my-encoder", "--strategy", "finetune"),
    "endings": ("fit", "--task", "super_glue/copa", "--model", "my-encoder", "--strategy", "finetune"),
    "senses": ("fit", "--task", "super_glue/wic", "--model", "my-encoder", "--strategy", "finetune"),
    "my-model-onnx": ("export", "my-model", "--format", "onnx"),
    "my-photos": ("fit", "photos", "--modality", "image", "--model", "my-image-encoder", "--time-limit", "1s"),
    "my-photos-onnx": ("export", "my-photos", "--format", "onnx"),
    "runs": ("compare", "reviews.csv", "--model", "my-encoder", "--strategies", "finetune,eh_ft", "--seeds", "6"),
}
"""What pages go on from without making it, and how it is made."""
HAS = """
import torch
from torch import nn
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer
import headstart as hs

texts, labels = ["a good film", "a bad film"] * 20, ["five", "one"] * 20
tokenizer = AutoTokenizer.from_pretrained("roberta-base")
model = AutoModelForSequenceClassification.from_pretrained("roberta-base", num_labels=2)
rows = train_dataset = [dict(tokenizer(text), labels=k % 2) for k, text in enumerate(texts)]
"""
"""What a person has before a page's Python begins."""
NOT_HERE = {"--tracker", "submit", "push", "serve"}
"""What needs packages that nothing else needs, runs of ten tasks (tests/inference/test_submissions.py), a hub
(tests/cli/test_push.py), or has no end (tests/cli/test_serve.py)."""
OTHER_TABLES = {"docs/questions/several-labels.md": "several.csv"}
"""Pages whose `reviews.csv` is another table."""
SHORTER = (
    (re.compile(r"--time-limit \d+m"), "--time-limit 1s"),
    (re.compile(r'time_limit="\d+m"'), 'time_limit="1s"'),
    (re.compile(r'HeadstartClassifier\("roberta-base"\)'), 'HeadstartClassifier("roberta-base", time_limit="1s")'),
    (re.compile(r"--seeds \d+"), "--seeds 2"),
    (re.compile(r"--max-seeds \d+"), "--max-seeds 7"),
)
"""What makes a call of a page short enough to try."""


def name_of(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


def shown(page: Path) -> list[list[str]]:
    """Return the commands `headstart ...` of a page that are whole."""
    found = [words for language, code in blocks(page) if language == "bash" for words in commands(code)]
    return [words[1:] for words in found if words[0] == "headstart" and not any("..." in word for word in words)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return World(tmp_path_factory.mktemp("world") / "folder").folder


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_block_has_a_language(page: Path) -> None:
    assert {language for language, _ in blocks(page)} <= LANGUAGES


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_is_one(page: Path, world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each verb and each option exists, and each value is one that the option takes."""
    monkeypatch.chdir(world)
    verbs: Any = typer.main.get_command(app)
    for verb, *arguments in shown(page):
        verbs.commands[verb].make_context(verb, list(arguments))


def shorter(code: str) -> str:
    """Return code that does the same in little time."""
    for pattern, instead in SHORTER:
        code = pattern.sub(instead, code)
    return code


def shortened(words: list[str]) -> list[str]:
    """Return a command that does the same in little time, on the few rows of the world's tasks."""
    found = shlex.split(shorter(shlex.join(words)))
    if words[0] == "compare" or (words[0] == "fit" and "--strategy" in words):
        found += ["--steps", "10", "--max-length", "32"]
    elif words[0] == "fit" and "--time-limit" not in words:
        found += ["--time-limit", "1s"]
    if {"--task", "--tasks"} & set(words) and "--data-root" not in words:
        found += ["--data-root", "data"]
    return found


def prepare(page: Path, folder: Path) -> None:
    """Make what the page names and does not make itself."""
    if name_of(page) in OTHER_TABLES:
        shutil.copy(folder / OTHER_TABLES[name_of(page)], folder / "reviews.csv")
    code = "".join(code for _, code in blocks(page))
    for name, arguments in MADE.items():
        makes = re.search(rf"(--out|--store|save\(\")\s*{name}\b(?!-)", code)
        if re.search(rf"\b{name}\b", code) and not makes:
            made(shortened([*arguments, "--store" if arguments[0] == "compare" else "--out", name]), folder)


def made(words: list[str], folder: Path) -> None:
    outcome = call(tuple(words), folder)
    assert outcome.code == 0, f"{shlex.join(words)}: {outcome.said[-2000:]}"


def run_python(code: str, folder: Path) -> None:
    """Run all Python of a page, in a process of its own."""
    os.chdir(folder)
    exec(compile(code, "page", "exec"), {"__name__": "page"})


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if not name_of(page).startswith(tuple(NOT_RUN))], ids=name_of)
def test_every_block_runs(page: Path, world: Path, tmp_path: Path) -> None:
    """The commands of a page one after another, and then its Python."""
    folder = shutil.copytree(world, tmp_path / "folder")
    prepare(page, folder)
    for words in shown(page):
        if not NOT_HERE & set(words):
            if words[0] == "fit":
                shutil.rmtree(folder / "my-model", ignore_errors=True)  # A page may show the call twice.
            made(shortened(words), folder)
    if python := "".join(code for language, code in blocks(page) if language == "python"):
        process = start(run_python, HAS + shorter(python), folder, output=tmp_path / "said")
        assert ended(process) == 0, (tmp_path / "said").read_text()
