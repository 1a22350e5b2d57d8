"""Facts that stand twice in a checkpoint: what differs is mended and said, or refused before anything is trained."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertTokenizer

from headstart.artifacts.model_folder import save_model_folder
from headstart.errors import UsageError
from headstart.inference.predict import predict
from headstart.inference.saved import load_saved_model
from headstart.manifest import write_manifest
from headstart.models.agreement import agree
from headstart.models.loading import checkpoint_notes, load_classifier, load_config, load_tokenizer
from headstart.models.source import ModelSource, resolve_model
from headstart.registry import Spec
from tests.conftest import CheckpointMaker
from tests.support.other_architectures import make_other_checkpoint
from tests.support.saved import PAIR_TASK, TEXT_TASK, make_example, texts
from tests.support.tiny import make_tokenizer

Change = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="session")
def checkpoint(tiny_checkpoint: CheckpointMaker, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return where a tiny checkpoint of any architecture is; it must not be changed."""
    made: dict[str, Path] = {}

    def find(architecture: str) -> Path:
        if architecture in ("bert", "roberta", "modernbert"):
            return tiny_checkpoint(architecture)
        if architecture not in made:
            made[architecture] = make_other_checkpoint(tmp_path_factory.mktemp(architecture) / "made", architecture)
        return made[architecture]

    return find


@pytest.fixture
def changed(checkpoint: Callable[[str], Path], tmp_path: Path) -> Callable[..., ModelSource]:
    """Return a function that copies a checkpoint and changes what its two configurations say."""

    def change(architecture: str, config: dict[str, Any] = {}, tokenizer: dict[str, Any] = {}) -> ModelSource:  # noqa: B006
        folder = tmp_path / f"{architecture}-changed"
        shutil.copytree(checkpoint(architecture), folder)
        for name, values in (("config.json", config), ("tokenizer_config.json", tokenizer)):
            written = json.loads((folder / name).read_text()) | values
            kept = {key: value for key, value in written.items() if value is not None}
            (folder / name).write_text(json.dumps(kept))
        return resolve_model(str(folder))

    return change


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
@pytest.mark.parametrize("pad", [7, 66, -1], ids=["a word", "another word", "minus one"])
def test_the_tokenizer_s_padding_is_the_model_s(
    architecture: str, pad: int, changed: Callable[..., ModelSource], tmp_path: Path
) -> None:
    """A decoder's native head reads the last place that is no padding: with another id it reads padding."""
    source = changed(architecture, {"pad_token_id": pad})
    assert any(f"pads with id {pad}" in note for note in checkpoint_notes(source))
    example = make_example(source.path)
    assert example.classifier.model.config.pad_token_id == example.tokenizer.pad_token_id == 0
    save_model_folder(example.classifier, example.tokenizer, tmp_path / "saved", info=example.info)
    written = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert written["pad_token_id"] == 0
    # A folder from before this was looked at is read rightly too.
    (tmp_path / "saved" / "config.json").write_text(json.dumps(written | {"pad_token_id": pad}))
    write_manifest(tmp_path / "saved")
    saved, rows = load_saved_model(tmp_path / "saved"), texts(TEXT_TASK)
    alone, together = (predict(saved, rows, batch_size=size).answers for size in (1, 32))
    torch.testing.assert_close(torch.from_numpy(together), torch.from_numpy(alone), rtol=0, atol=1e-5)


def test_positions_that_count_from_padding_stay_where_they_were(changed: Callable[..., ModelSource]) -> None:
    source = changed("roberta", tokenizer={"pad_token": "<unk>"})
    assert any("both hold" in note for note in checkpoint_notes(source))
    model = load_classifier(source, labels=("no", "yes"), seed=0).model
    assert model.config.pad_token_id == model.base_model.embeddings.padding_idx == 1


def test_nothing_is_said_where_both_agree(checkpoint: Callable[[str], Path]) -> None:
    for architecture in ("bert", "roberta", "modernbert", "llama", "gpt2", "t5"):
        assert checkpoint_notes(resolve_model(str(checkpoint(architecture)))) == (), architecture


def test_the_end_of_a_text_stands_in_for_padding(changed: Callable[..., ModelSource]) -> None:
    source = changed("llama", {"pad_token_id": None}, {"pad_token": None, "eos_token": "[SEP]"})
    assert load_tokenizer(source).pad_token == "[SEP]"
    assert checkpoint_notes(source) == ()
    model = load_classifier(source, labels=("no", "yes"), seed=0).model
    assert model.config.pad_token_id == load_tokenizer(source).sep_token_id


def test_a_tokenizer_that_cannot_pad_is_refused(changed: Callable[..., ModelSource]) -> None:
    source = changed("llama", {"pad_token_id": None}, {"pad_token": None, "eos_token": None})
    with pytest.raises(UsageError, match="neither a padding token nor an end-of-text token") as caught:
        load_tokenizer(source)
    assert "pad_token" in caught.value.remedy


@pytest.mark.parametrize("architecture", ["bert", "modernbert", "gpt2"])
def test_padding_stands_on_the_right(architecture: str, changed: Callable[..., ModelSource], tmp_path: Path) -> None:
    source = changed(architecture, tokenizer={"padding_side": "left"})
    assert any("pads on the left; here it pads on the right" in note for note in checkpoint_notes(source))
    load_tokenizer(source).save_pretrained(tmp_path / "saved")
    assert AutoTokenizer.from_pretrained(tmp_path / "saved").padding_side == "right"


def test_where_the_last_place_is_read_padding_stands_on_the_left(changed: Callable[..., ModelSource]) -> None:
    assert load_tokenizer(changed("xlnet", tokenizer={"padding_side": "right"})).padding_side == "left"


def add_words(source: ModelSource, words: list[str], *, special: bool = False) -> None:
    tokenizer = AutoTokenizer.from_pretrained(source.path)
    tokenizer.add_tokens(words, special_tokens=special)
    tokenizer.save_pretrained(source.path)


def test_words_beyond_the_model_are_refused_by_name(changed: Callable[..., ModelSource]) -> None:
    source = changed("bert")
    add_words(source, ["errkode", "zzplan"])
    with pytest.raises(UsageError, match="knows 2 tokens more than the model: errkode, zzplan") as caught:
        load_tokenizer(source)
    assert "resize_token_embeddings" in caught.value.remedy


def test_a_special_token_beyond_the_model_is_refused_where_texts_have_it(changed: Callable[..., ModelSource]) -> None:
    source = changed("bert")
    tokenizer = AutoTokenizer.from_pretrained(source.path)
    tokenizer.add_special_tokens({"extra_special_tokens": ["<image>"]})
    assert agree(tokenizer, load_config(source), "it") == (
        "it: the model has no vector for <image>, which no text may contain",
    )
    tokenizer.pad_token = "<padding>"
    tokenizer.add_special_tokens({"pad_token": "<padding>"})
    with pytest.raises(UsageError, match="knows 1 token more than the model: <padding>"):
        agree(tokenizer, load_config(source), "it")


def test_a_small_tokenizer_is_said(changed: Callable[..., ModelSource]) -> None:
    config = load_config(changed("bert"))
    config.vocab_size = 1000
    (note,) = agree(make_tokenizer("bert"), config, "it")
    assert "knows 302 tokens, the model 1000" in note


def test_one_segment_is_not_told_of_a_second(changed: Callable[..., ModelSource], tmp_path: Path) -> None:
    names = ["input_ids", "token_type_ids", "attention_mask"]
    source = changed("xlm-roberta", tokenizer={"model_input_names": names})
    assert any("one segment" in note for note in checkpoint_notes(source))
    example = make_example(source.path, task=PAIR_TASK)
    save_model_folder(example.classifier, example.tokenizer, tmp_path / "saved", info=example.info)
    predict(load_saved_model(tmp_path / "saved"), texts(PAIR_TASK))
    plain = AutoTokenizer.from_pretrained(tmp_path / "saved")
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    assert model(**plain("the dog", "the cat", return_tensors="pt")).logits.isfinite().all()


def test_two_segments_are_told_apart(changed: Callable[..., ModelSource], tmp_path: Path) -> None:
    source = changed("bert", tokenizer={"model_input_names": ["input_ids", "attention_mask"]})
    assert any("does not number the texts of a pair" in note for note in checkpoint_notes(source))
    load_tokenizer(source).save_pretrained(tmp_path / "saved")
    for tokenizer in (load_tokenizer(source), AutoTokenizer.from_pretrained(tmp_path / "saved")):
        assert tokenizer("the dog", "cats")["token_type_ids"][-2:] == [1, 1]
    vocabulary = tmp_path / "vocab.txt"
    found = load_tokenizer(source)
    vocabulary.write_text("\n".join(sorted(found.get_vocab(), key=found.get_vocab().__getitem__)))
    assert (
        BertTokenizer(str(vocabulary))("the dog", "cats")["token_type_ids"]
        == found("the dog", "cats")["token_type_ids"]
    )


@pytest.mark.parametrize("architecture", ["bart", "t5"])
def test_the_end_that_the_head_looks_for_is_the_tokenizer_s(
    architecture: str, changed: Callable[..., ModelSource], caplog: pytest.LogCaptureFixture
) -> None:
    end = "</s>" if architecture == "bart" else "[SEP]"
    source = changed(architecture, {"eos_token_id": 50}, {"eos_token": end})
    with caplog.at_level(logging.WARNING):
        model = load_classifier(source, labels=("no", "yes"), seed=0).model
    tokenizer = load_tokenizer(source)
    assert model.config.eos_token_id == tokenizer.eos_token_id
    assert "ends texts with id 50" in caplog.text
    assert model(**tokenizer(["the dog", "a cat runs"], padding=True, return_tensors="pt")).logits.isfinite().all()


def test_a_head_that_looks_for_an_end_which_no_text_has_is_refused(changed: Callable[..., ModelSource]) -> None:
    source = changed("t5", {"eos_token_id": 50}, {"eos_token": None})
    with pytest.raises(UsageError, match="its tokenizer ends no text with one"):
        load_classifier(source, labels=("no", "yes"), seed=0)


def test_a_head_that_other_texts_change_is_refused(checkpoint: Callable[[str], Path]) -> None:
    source = resolve_model(str(checkpoint("t5gemma")))
    with pytest.raises(UsageError, match="answers a text otherwise beside a longer one"):
        load_classifier(source, labels=("no", "yes"), seed=0)
    config = load_classifier(source, labels=("no", "yes"), seed=0, head=Spec("linear")).model.config
    assert config.head_options["pooling"] == "mean"
