"""Texts that a model cannot read are named by their rows, before it runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BartConfig, BertConfig, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from headstart.data.examples import Split
from headstart.data.token_checks import can_be_unreadable, check_tokens
from headstart.data.tokenisation import tokenize
from headstart.errors import DataError, UsageError
from headstart.models.agreement import READS_THE_LAST_EOS
from headstart.models.classifier import HeadstartConfig
from headstart.models.input_limits import InputLimits, input_limits
from headstart.models.loading import load_tokenizer
from headstart.models.source import resolve_model
from headstart.registry import Spec
from tests.conftest import CheckpointMaker
from tests.support.subwords import KINDS, make_subword_tokenizer

PIECES = "sentence pieces"


def wrong_rows(split: Split, tokenizer: PreTrainedTokenizerBase, limits: InputLimits) -> list[int | None]:
    """Return the rows that are refused, if any."""
    try:
        check_tokens(tokenize(split, tokenizer, max_length=32), split, tokenizer, limits)
    except DataError as error:
        return [fault.row for fault in error.faults]
    return []


def letters() -> PreTrainedTokenizerFast:
    """Return a tokenizer that knows a to c and drops all else."""
    backend = Tokenizer(models.BPE({"a": 0, "b": 1, "c": 2}, []))
    backend.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    return PreTrainedTokenizerFast(tokenizer_object=backend)


def test_the_architectures_that_count_ends_are_those_of_transformers() -> None:
    """Their heads refuse a batch of unequal numbers in these words."""
    folder = Path(transformers.__file__).parent / "models"
    found = {
        path.parent.name
        for path in folder.glob("*/modeling_*.py")
        if "must have the same number of <eos> tokens" in path.read_text(encoding="utf-8")
    }
    assert found == set(READS_THE_LAST_EOS)


@pytest.mark.parametrize("architecture", ["bert", "roberta"])
def test_special_tokens_in_texts_are_plain_text(architecture: str, tiny_checkpoint: CheckpointMaker) -> None:
    tokenizer = load_tokenizer(resolve_model(str(tiny_checkpoint(architecture))))
    written = " ".join(tokenizer.all_special_tokens)
    (ids,) = tokenize(Split(texts=((f"a {written} b",),)), tokenizer, max_length=64).features["input_ids"]
    own = tokenizer("")["input_ids"]
    inside = set(ids[1:-1]) - {tokenizer.unk_token_id}
    assert [ids[0], ids[-1]] == own
    assert not inside & set(tokenizer.all_special_ids)


@pytest.mark.parametrize("kind", KINDS)
def test_a_further_end_in_a_text_is_found(kind: str) -> None:
    tokenizer = make_subword_tokenizer(kind)
    split = Split(texts=(("a light house",), ("a </s> light",), ("",), ("</s></s>",)))
    limits = InputLimits(end=tokenizer.sep_token_id)
    assert wrong_rows(split, tokenizer, limits) == [2, 4]
    pairs = Split(texts=(("a light", "house"), ("a", "</s> light"), ("a " * 40, "b " * 40)))
    assert wrong_rows(pairs, tokenizer, limits) == [2]
    tokenizer.split_special_tokens = True
    assert wrong_rows(split, tokenizer, limits) == ([2, 4] if kind == PIECES else [])


def test_choices_and_windows_are_named_by_their_example() -> None:
    tokenizer = make_subword_tokenizer(PIECES)
    limits = InputLimits(end=tokenizer.sep_token_id)
    choices = Split.of(texts=(("a",), ("a",)), choices=(("the", "of", "in"), ("river", "</s>")))
    assert wrong_rows(choices, tokenizer, limits) == [2]
    windows = Split(texts=(("the bank " * 30,), ("the bank " * 30 + "</s>",)))
    tokens = tokenize(windows, tokenizer, max_length=16, truncation="window")
    assert tokens.num_sequences is not None
    with pytest.raises(DataError, match=r"^row 2: ") as caught:
        check_tokens(tokens, windows, tokenizer, limits)
    assert len(caught.value.faults) == 1


def test_a_tokenizer_that_puts_no_end_is_refused() -> None:
    tokenizer = letters()
    split = Split(texts=(("a b",),))
    with pytest.raises(UsageError, match="puts none there"):
        check_tokens(tokenize(split, tokenizer, max_length=8), split, tokenizer, InputLimits(end=2))


def test_texts_without_a_token_are_found() -> None:
    split = Split(texts=(("a b",), ("\N{GREEK SMALL LETTER ALPHA}",), ("",), ("c",)))
    assert wrong_rows(split, letters(), InputLimits()) == [2, 3]


def test_tokens_beyond_the_model_s_vectors_are_named() -> None:
    tokenizer = make_subword_tokenizer("bytes, spaces trimmed")
    limits = InputLimits(num_ids=len(tokenizer))
    assert not can_be_unreadable(tokenizer, limits)
    tokenizer.add_tokens(["zzplan"])
    split = Split(texts=(("a light",), ("a zzplan",)))
    assert can_be_unreadable(tokenizer, limits)
    with pytest.raises(
        DataError, match=rf"row 2: .* {limits.num_ids} tokens: 'zzplan' with the number {limits.num_ids}"
    ):
        check_tokens(tokenize(split, tokenizer, max_length=8), split, tokenizer, limits)


def test_what_a_model_reads_is_read_off_its_configuration() -> None:
    bart, bert = BartConfig(vocab_size=77, eos_token_id=5), BertConfig(vocab_size=88)
    assert input_limits(bart, Spec("native")) == InputLimits(num_ids=77, end=5)
    assert input_limits(bart, Spec("linear")) == InputLimits(num_ids=77)
    assert input_limits(bert, Spec("native")) == InputLimits(num_ids=88)
    whole = HeadstartConfig(backbone_config=bart.to_dict(), head="linear")
    assert input_limits(whole, Spec("linear")) == InputLimits(num_ids=77)


def test_half_of_a_character_is_named_by_its_row(tiny_checkpoint: CheckpointMaker) -> None:
    tokenizer = load_tokenizer(resolve_model(str(tiny_checkpoint("bert"))))
    split = Split(texts=(("a \N{GRINNING FACE}", "b"), ("a", "b \ud83d")))
    with pytest.raises(DataError, match=re.escape("row 2: the text holds half of a character")):
        tokenize(split, tokenizer, max_length=16)
