"""A tokenizer whose files its class does not read, that cannot be made or lacks a package, or that obeys no file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from headstart.errors import UsageError
from headstart.models.loading import load_tokenizer
from headstart.models.source import ModelSource
from headstart.models.tokenizer_files import disobeyed
from tests.support.tiny import make_tokenizer

VOCABULARY = sorted(make_tokenizer("bert").get_vocab(), key=make_tokenizer("bert").get_vocab().__getitem__)
ANY = {"vocab.txt": "\n".join(VOCABULARY), "vocab.json": json.dumps({"<s>": 0, "a": 1}), "merges.txt": "#version: 0.2"}


def make(folder: Path, architecture: str, files: Sequence[str] = (), **tokenizer: str) -> ModelSource:
    (folder / "config.json").write_text(json.dumps({"model_type": architecture, "vocab_size": len(VOCABULARY)}))
    for name in files:
        (folder / name).write_text(ANY.get(name, "not read"))
    if tokenizer:
        (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    return ModelSource(name=architecture, path=folder, revision="")


@pytest.mark.parametrize(
    ("architecture", "files", "read"),
    [
        ("albert", ["vocab.txt"], "AlbertTokenizer, which reads spiece.model"),
        ("roberta", ["vocab.txt"], "RobertaTokenizer, which reads merges.txt"),
        ("xlm-roberta", ["spm.model"], "XLMRobertaTokenizer, which reads sentencepiece.bpe.model"),
        ("camembert", ["spm.model"], "CamembertTokenizer, which reads sentencepiece.bpe.model"),
        ("deberta-v2", ["vocab.txt"], "DebertaV2Tokenizer, which reads spm.model"),
        ("big_bird", ["vocab.txt"], "BigBirdTokenizer, which reads spiece.model"),
        ("t5", ["vocab.txt"], "T5Tokenizer, which reads spiece.model"),
        ("xlnet", ["vocab.txt"], "XLNetTokenizer, which reads spiece.model"),
        ("gpt2", ["vocab.txt"], "GPT2Tokenizer, which reads merges.txt"),
        ("qwen2", ["vocab.txt"], "Qwen2Tokenizer, which reads merges.txt"),
        ("bert", ["vocab.json", "merges.txt"], "BertTokenizer, which reads tokenizer.json, vocab.txt"),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(value),
)
def test_a_vocabulary_that_its_class_does_not_read_is_refused(
    architecture: str, files: list[str], read: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="has not read") as caught:
        load_tokenizer(make(tmp_path, architecture, files))
    assert read in caught.value.given
    assert all(name in caught.value.given for name in files)
    assert "tokenizer_config.json" in caught.value.remedy


def test_a_class_that_is_named_reads_its_vocabulary(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(make(tmp_path, "albert", ["vocab.txt"], tokenizer_class="BertTokenizer"))
    assert tokenizer.tokenize("a good film") == ["a", "good", "film"]


@pytest.mark.parametrize("architecture", ["albert", "deberta-v2", "t5", "xlnet", "xlm-roberta"])
def test_a_file_that_its_class_cannot_make_anything_of_is_refused(architecture: str, tmp_path: Path) -> None:
    source = make(tmp_path, architecture)
    make_tokenizer("bert").backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UsageError, match="has no tokenizer that can be loaded"):
        load_tokenizer(source)


def test_bytes_for_a_class_of_pieces_are_refused(tmp_path: Path) -> None:
    alphabet = {sign: number for number, sign in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    backend = Tokenizer(models.BPE(alphabet, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel()
    backend.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UsageError, match="has no tokenizer that can be loaded: Unk token"):
        load_tokenizer(make(tmp_path, "gemma"))


@pytest.mark.parametrize(
    ("name", "package"),
    [("BertJapaneseTokenizer", "fugashi"), ("FlaubertTokenizer", "sacremoses"), ("RoFormerTokenizer", "rjieba")],
)
def test_a_package_that_is_not_there_is_named(name: str, package: str, tmp_path: Path) -> None:
    if find_spec(package) is not None:
        pytest.skip(f"{package} is installed")
    more = {"word_tokenizer_type": "mecab"} if package == "fugashi" else {}
    with pytest.raises(UsageError, match=f"not installed: {package}") as caught:
        load_tokenizer(make(tmp_path, "bert", ["vocab.txt", "vocab.json", "merges.txt"], tokenizer_class=name, **more))
    assert caught.value.remedy == f"  pip install {package}"


def test_pieces_of_sentences_need_their_own_package(tmp_path: Path) -> None:
    if find_spec("sentencepiece") is not None:
        pytest.skip("sentencepiece is installed")
    with pytest.raises(UsageError, match="not installed: sentencepiece"):
        load_tokenizer(make(tmp_path, "t5", ["spiece.model"]))


@pytest.mark.parametrize(("architecture", "name"), [("canine", "CanineTokenizer"), ("t5", "ByT5Tokenizer")])
def test_characters_and_bytes_need_no_vocabulary(architecture: str, name: str, tmp_path: Path) -> None:
    source = make(tmp_path, architecture, tokenizer_class=name)
    known = {"vocab_size": 384} if architecture == "t5" else {}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": architecture} | known))
    assert len(load_tokenizer(source)("good")["input_ids"]) > 4


@pytest.mark.parametrize("architecture", ["bert", "gpt2", "llama"])
def test_no_vocabulary_is_said(architecture: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="its folder holds no vocabulary"):
        load_tokenizer(make(tmp_path, architecture))


def test_a_file_that_is_not_obeyed_is_said(tmp_path: Path) -> None:
    """transformers builds BERT's normaliser anew: a cased file without a cased configuration is lower-cased."""
    source = make(tmp_path, "bert")
    cased = make_tokenizer("bert").backend_tokenizer
    cased.normalizer = None
    cased.save(str(tmp_path / "tokenizer.json"))
    note = disobeyed(source, load_tokenizer(source))
    assert note is not None
    assert "'A good film.' it says [CLS] [UNK] good film . [SEP]" in note
    assert "BertTokenizer, which transformers makes of it, says [CLS] a good film . [SEP]" in note
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "unk_token": "[UNK]"})
    )
    assert disobeyed(source, load_tokenizer(source)) is None


@pytest.mark.parametrize("names", [[], [0], ["attention_mask", "input_ids"], [[]], "input_ids"])
def test_what_it_calls_the_models_inputs_begins_with_ids(names: object, tmp_path: Path) -> None:
    """transformers pads what comes first, and fails at the first batch."""
    make_tokenizer("bert").save_pretrained(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_input_names": names}))
    with pytest.raises(UsageError, match="`model_input_names` begins with input_ids"):
        load_tokenizer(make(tmp_path, "bert"))
