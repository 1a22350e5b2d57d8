"""Code that lies in a model's folder never runs, and nobody is asked whether it may."""

from __future__ import annotations

import builtins
import io
import json
import os
import pty
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

import headstart as hs
from headstart.artifacts.model_folder import save_model_folder
from headstart.errors import UsageError
from headstart.models.loading import load_tokenizer
from headstart.models.source import resolve_model
from tests.conftest import CheckpointMaker
from tests.inference.test_saved import save, trained
from tests.support.commands import call
from tests.support.runs import tiny_rows
from tests.support.saved import TEXT_TASK, logits_of, make_example, texts
from tests.support.trap import copy_of, edit, name_code_without_need, set_trap, trapped_checkpoint

Cli = Callable[..., tuple[int, str, str]]
SHORT = ("--steps", 4, "--batch-size", 4, "--max-length", 24, "--precision", "fp32", "-q")
OUR_WORDS = "can only be read by code of its own"
PLACES = ("in_config", "in_tokenizer")

places = pytest.mark.parametrize("place", PLACES)


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything that the terminal is asked; somebody answers yes."""
    asked: list[str] = []

    def answer(question: object = "") -> str:
        asked.append(str(question))
        return "y"

    monkeypatch.setattr(builtins, "input", answer)
    return asked


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    path.write_text("text,label\n" + "".join(f"{text},{('bad', 'good')[label]}\n" for text, label in tiny_rows(24)))
    return path


def saved_model(checkpoint: Path, folder: Path, head: str = "native") -> Path:
    """Save a whole model as `fit` would."""
    example = make_example(checkpoint, head=head)
    save_model_folder(example.classifier, example.tokenizer, folder, info=example.info)
    return folder


@places
def test_the_trap_is_one(place: str, tmp_path: Path, questions: list[str]) -> None:
    """transformers alone asks, and runs the code on a yes: otherwise the tests below could not fail."""
    folder, mark = trapped_checkpoint(tmp_path / "trap", **{place: True})
    if place == "in_tokenizer":
        edit(folder / "config.json", model_type="llama")  # for which transformers leaves the choice to the folder
    with pytest.raises(UsageError, match=OUR_WORDS):
        load_tokenizer(resolve_model(str(folder)))
    assert questions == []
    assert not mark.exists()
    with suppress(ValueError):  # the folder's tokenizer does not come to its end, but it began
        (AutoConfig if place == "in_config" else AutoTokenizer).from_pretrained(folder)
    assert len(questions) >= 1
    assert mark.exists()


@pytest.mark.parametrize("verb", ["fit", "compare", "doctor", "inspect", "predict", "evaluate"])
@places
def test_every_verb_refuses(
    verb: str, place: str, cli: Cli, reviews: Path, tiny_checkpoint: CheckpointMaker, tmp_path: Path, questions: Any
) -> None:
    if verb in ("predict", "evaluate"):
        folder = saved_model(tiny_checkpoint("bert"), tmp_path / "trap")
        mark = set_trap(folder, **{place: True})
        reviews.write_text(reviews.read_text().replace("label", "verdict"))
    else:
        folder, mark = trapped_checkpoint(tmp_path / "trap", **{place: True})
    arguments = {
        "fit": (reviews, "--model", folder, "--out", "model", "--strategy", "eh_ft", *SHORT),
        "compare": (reviews, "--model", folder, "--strategies", "finetune,eh_ft", "--seeds", 2, "--store", "s", *SHORT),
        "doctor": (folder,),
        "inspect": (reviews, "--model", folder),
        "predict": (folder, reviews, "--out", "answers.csv"),
        "evaluate": (folder, reviews),
    }[verb]
    code, out, err = cli(verb, *arguments)
    assert code == 2, err
    assert OUR_WORDS in err
    assert err.count("\n") >= 3, "what was given, what is allowed, what to do"
    assert "trust_remote_code" not in err + out
    assert questions == []
    assert not mark.exists()
    assert not (tmp_path / "model").exists()
    assert not (tmp_path / "answers.csv").exists()


@places
def test_export_refuses(
    place: str, cli: Cli, reviews: Path, tiny_checkpoint: CheckpointMaker, tmp_path: Path, questions: list[str]
) -> None:
    folder = copy_of(tiny_checkpoint("bert"), tmp_path / "trap")
    code, _, err = cli(
        "compare", reviews, "--model", folder, "--strategies", "finetune", "--seeds", 1, "--store", "s", *SHORT
    )
    assert code == 0, err
    (run,) = (path.relative_to(tmp_path / "s") for path in (tmp_path / "s").glob("*/seed-*") if path.is_dir())
    mark = set_trap(folder, **{place: True})
    code, _, err = cli("export", "s", str(run), "--out", "model", "-q")
    assert code == 2, err
    assert OUR_WORDS in err
    assert questions == []
    assert not mark.exists()


def load_whole(folder: Path, checkpoint: Path, place: str) -> Path:
    saved_model(checkpoint, folder)
    return set_trap(folder, **{place: True})


def load_adapter_on_trap(folder: Path, checkpoint: Path, place: str) -> Path:
    """An adapter's folder whose pretrained model is the trap."""
    trap = copy_of(checkpoint, folder.parent / "pretrained")
    mark = set_trap(trap, **{place: True})
    example, attached = trained(checkpoint)
    info = replace(example.info, model=str(trap), model_revision=resolve_model(str(trap)).revision)
    save(replace(example, info=info), attached, folder)
    if place == "in_tokenizer":
        mark = set_trap(folder, in_tokenizer=True)
    return mark


@pytest.mark.parametrize("make", [load_whole, load_adapter_on_trap])
@places
def test_load_refuses(
    make: Callable[[Path, Path, str], Path],
    place: str,
    tiny_checkpoint: CheckpointMaker,
    tmp_path: Path,
    questions: list[str],
) -> None:
    mark = make(tmp_path / "saved", tiny_checkpoint("bert"), place)
    with pytest.raises(UsageError, match=OUR_WORDS):
        hs.load(tmp_path / "saved")
    assert questions == []
    assert not mark.exists()


@pytest.mark.parametrize("estimator", [hs.HeadstartClassifier, hs.HeadstartRegressor])
@places
def test_the_estimators_refuse(estimator: Any, place: str, tmp_path: Path, questions: list[str]) -> None:
    folder, mark = trapped_checkpoint(tmp_path / "trap", **{place: True})
    rows = tiny_rows(8)
    with pytest.raises(UsageError, match=OUR_WORDS):
        estimator(str(folder), strategy="eh_ft", steps=4).fit([text for text, _ in rows], [label for _, label in rows])
    assert questions == []
    assert not mark.exists()


@pytest.mark.parametrize("head", ["native", "mlp"])
def test_code_that_nothing_needs_is_left_alone(
    head: str, tiny_checkpoint: CheckpointMaker, tmp_path: Path, questions: list[str]
) -> None:
    """The same model as without the names of code; what is saved no longer names it."""
    checkpoint = tiny_checkpoint("bert")
    folder = copy_of(checkpoint, tmp_path / "named")
    mark = name_code_without_need(folder)
    plain, named = make_example(checkpoint, head=head), make_example(folder, head=head)
    rows = texts(TEXT_TASK)
    expected = logits_of(plain.classifier.model, plain.tokenizer, rows)
    assert torch.equal(logits_of(named.classifier.model, named.tokenizer, rows), expected)
    save_model_folder(named.classifier, named.tokenizer, tmp_path / "saved", info=named.info)
    loaded = hs.load(tmp_path / "saved")
    assert torch.equal(logits_of(loaded.model, loaded.tokenizer, rows), expected)
    assert not any("auto_map" in path.read_text() for path in (tmp_path / "saved").glob("*.json"))
    assert questions == []
    assert not mark.exists()


def test_a_backbone_inside_a_saved_model_names_no_code(
    tiny_checkpoint: CheckpointMaker, tmp_path: Path, questions: list[str]
) -> None:
    """`headstart.auto` lets transformers build our models: the backbone's configuration lies inside theirs."""
    import headstart.auto  # noqa: F401

    folder = saved_model(tiny_checkpoint("bert"), tmp_path / "saved", head="mlp")
    inside = json.loads((folder / "config.json").read_text())["backbone_config"]
    edit(folder / "config.json", backbone_config=inside | {"auto_map": {"AutoModel": "trap.TrapModel"}})
    mark = set_trap(folder)
    AutoModelForSequenceClassification.from_pretrained(folder)
    hs.load(folder)
    assert questions == []
    assert not mark.exists()


def test_pretrain_head_loads_nothing(tiny_checkpoint: CheckpointMaker, tmp_path: Path, questions: list[str]) -> None:
    """A live model whose folder has become a trap: the private copy is made from the model."""
    folder = copy_of(tiny_checkpoint("bert", kind="classifier"), tmp_path / "trap")
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    mark = set_trap(folder, in_config=True, in_tokenizer=True)
    rows = [dict(tokenizer(text)) | {"labels": label} for text, label in tiny_rows(8)]
    hs.pretrain_head(model, rows, processing_class=tokenizer, steps=2, batch_size=4)
    assert questions == []
    assert not mark.exists()


def yes_on_standard_input() -> None:
    """Have somebody who has already answered yes, again and again, on this process's standard input."""
    reader, writer = os.pipe()
    os.write(writer, b"y\n" * 9)
    os.close(writer)
    os.dup2(reader, 0)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))


def on_terminal(name: str) -> None:
    """Put this process on a terminal."""
    os.setsid()
    terminal = os.open(name, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(terminal, descriptor)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))


def test_a_yes_on_standard_input_changes_nothing(tmp_path: Path) -> None:
    folder, mark = trapped_checkpoint(tmp_path / "trap", in_config=True)
    done = call(("doctor", folder), tmp_path, before=yes_on_standard_input)
    assert done.code == 2, done.said
    assert OUR_WORDS in " ".join(done.said.split())
    assert "[y/N]" not in done.said
    assert not mark.exists()


def test_a_terminal_is_not_asked(tmp_path: Path) -> None:
    folder, mark = trapped_checkpoint(tmp_path / "trap", in_config=True, in_tokenizer=True)
    ours, theirs = pty.openpty()
    os.write(ours, b"y\n" * 9)
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(read_terminal, ours)
        done = call(("doctor", folder), tmp_path, before=partial(on_terminal, os.ttyname(theirs)))
        os.close(theirs)
    shown = reading.result()
    assert done.code == 2, shown
    assert OUR_WORDS in " ".join(shown.split())
    assert "[y/N]" not in shown
    assert not mark.exists()


def read_terminal(descriptor: int) -> str:
    """Return all that is written until the other end closes, which Linux reports as an error."""
    parts = []
    while True:
        try:
            part = os.read(descriptor, 4096)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    os.close(descriptor)
    return b"".join(parts).decode()
