"""One odd text never ends a file: it is answered as transformers' pipeline answers it, or refused with its row."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, pipeline

from headstart.manifest import write_manifest
from tests.support.other_architectures import make_other_checkpoint
from tests.support.runs import tiny_rows
from tests.support.subwords import make_subword_tokenizer

CheckpointMaker = Callable[..., Path]
Cli = Callable[..., tuple[int, str, str]]
SHORT = ("--strategy", "finetune", "--steps", 1, "--batch-size", 4, "--max-length", 24, "--precision", "fp32")
WRITTEN = ("a good </s> film", "</s></s>", "[SEP] bad [MASK] <pad>", "<mask> or <s>", "bad film")


def write_rows(path: Path, texts: list[str]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(
            [("text", "label"), *((text, ("bad", "good")[row % 2]) for row, text in enumerate(texts))]
        )
    return path


def usual_texts() -> list[str]:
    return [text for text, _ in tiny_rows(20)]


@pytest.fixture
def bytewise_bart(tmp_path: Path) -> Path:
    return make_other_checkpoint(tmp_path / "bart", "bart", make_subword_tokenizer("bytes, spaces trimmed"))


@pytest.fixture
def pieces_t5(tmp_path: Path) -> Path:
    return make_other_checkpoint(tmp_path / "t5", "t5", make_subword_tokenizer("sentence pieces"))


@pytest.fixture
def letters_gpt2(tmp_path: Path) -> Path:
    """A model to which unknown characters are nothing: no token stands for them, and none around the text."""
    letters = [*"abcdefghijklmnopqrstuvwxyz ", "<end>"]
    backend = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    backend.pre_tokenizer = pre_tokenizers.Split(" ", "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<end>", model_max_length=64)
    return make_other_checkpoint(tmp_path / "gpt2", "gpt2", tokenizer)


@pytest.mark.parametrize("architecture", ["bart", "bert"])
def test_special_tokens_in_texts_are_answered_as_the_pipeline_does(
    architecture: str, cli: Cli, bytewise_bart: Path, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    model = bytewise_bart if architecture == "bart" else tiny_checkpoint("bert")
    rows = write_rows(tmp_path / "rows.csv", [*usual_texts(), *WRITTEN])
    code, _, err = cli("fit", rows, "--model", model, "--out", "model", *SHORT)
    assert code == 0, err
    code, _, err = cli("predict", "model", rows, "--out", "out.csv", "--precision", "fp32")
    assert code == 0, err
    with (tmp_path / "out.csv").open() as file:
        ours = [float(row["probability_good"]) for row in csv.DictReader(file)][-len(WRITTEN) :]
    answers = pipeline("text-classification", str(tmp_path / "model"), top_k=None)(list(WRITTEN))
    theirs = [next(each["score"] for each in answer if each["label"] == "good") for answer in answers]
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_a_token_that_ends_texts_is_refused_where_the_tokenizer_cannot_read_it_as_text(
    cli: Cli, pieces_t5: Path, tmp_path: Path
) -> None:
    """A unigram tokenizer has "</s>" among its pieces, whatever its settings."""
    rows = write_rows(tmp_path / "rows.csv", [*usual_texts(), "a good </s> film"])
    code, _, err = cli("fit", rows, "--model", pieces_t5, "--out", "model", *SHORT)
    assert code == 2
    assert "the text holds '</s>', which ends texts" in err
    assert not (tmp_path / "model").exists()
    code, _, err = cli(
        "fit", write_rows(tmp_path / "usual.csv", usual_texts()), "--model", pieces_t5, "--out", "model", *SHORT
    )
    assert code == 0, err
    code, _, err = cli("predict", "model", rows, "--out", "out.csv", "--precision", "fp32")
    assert code == 2
    assert "rows.csv:22: the text holds '</s>'" in err
    code, _, err = cli("evaluate", "model", rows)
    assert code == 2
    assert "row 21: the text holds '</s>'" in err
    code, _, err = cli("fit", rows, "--model", pieces_t5, "--head", "linear", "--out", "linear", *SHORT)
    assert code == 0, err


def test_a_text_without_any_token_is_refused_with_its_row(cli: Cli, letters_gpt2: Path, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.csv", [*usual_texts(), "\N{THAI CHARACTER KO KAI}"])
    for verb in (
        ("fit", "--out", "model", *SHORT),
        ("compare", "--strategies", "finetune,lp_ft", "--seeds", 2, "--store", "runs", "--steps", 2),
    ):
        code, _, err = cli(verb[0], rows, "--model", letters_gpt2, *verb[1:])
        assert code == 2
        assert "holds no token that the model knows" in err
        assert "\N{THAI CHARACTER KO KAI}" in err
    usual = write_rows(tmp_path / "usual.csv", usual_texts())
    code, _, err = cli("fit", usual, "--model", letters_gpt2, "--out", "model", *SHORT)
    assert code == 0, err
    code, _, err = cli("predict", "model", rows, "--out", "out.csv", "--precision", "fp32")
    assert code == 2
    assert "rows.csv:22" in err
    assert not (tmp_path / "out.csv").exists()


def test_a_folder_of_an_older_version_still_answers_as_the_pipeline_does(
    cli: Cli, tmp_path: Path, tiny_checkpoint: CheckpointMaker
) -> None:
    """Its settings do not say that special tokens are text, so the pipeline takes them for what they are."""
    rows = write_rows(tmp_path / "rows.csv", [*usual_texts(), *WRITTEN])
    code, _, err = cli("fit", rows, "--model", tiny_checkpoint("bert"), "--out", "model", *SHORT)
    assert code == 0, err
    settings = tmp_path / "model" / "tokenizer_config.json"
    values = json.loads(settings.read_text())
    assert values.pop("split_special_tokens")
    settings.write_text(json.dumps(values))
    write_manifest(settings.parent)
    code, _, err = cli("predict", "model", rows, "--out", "out.csv", "--precision", "fp32")
    assert code == 0, err
    with (tmp_path / "out.csv").open() as file:
        ours = [float(row["probability_good"]) for row in csv.DictReader(file)][-len(WRITTEN) :]
    answers = pipeline("text-classification", str(tmp_path / "model"), top_k=None)(list(WRITTEN))
    theirs = [next(each["score"] for each in answer if each["label"] == "good") for answer in answers]
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_texts_of_which_a_model_knows_little_are_spoken_of(
    cli: Cli, tiny_checkpoint: CheckpointMaker, tmp_path: Path
) -> None:
    rows = write_rows(
        tmp_path / "rows.csv", [*usual_texts(), *(f"\u0e01{letter}" for letter in "\u0e02\u0e03\u0e04\u0e05")]
    )
    said = "of the tokens are unknown to this model"
    for call in (("inspect", "--model"), ("fit", *SHORT, "--out", "model", "--model")):
        code, out, err = cli(call[0], rows, *call[1:], tiny_checkpoint("bert"))
        assert code == 0, err
        assert said in out + err
        assert "a multilingual --model, such as xlm-roberta-base" in " ".join((out + err).split())
    code, out, err = cli("inspect", rows, "--model", tiny_checkpoint("bert"), "--json", "--out", "page.html")
    assert code == 0, err
    assert json.loads(out)["splits"][0]["unknown"]["num_unknown"] > 0
    assert said in (tmp_path / "page.html").read_text()
