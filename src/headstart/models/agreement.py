"""Facts that stand twice in a checkpoint, in its configuration and in its tokenizer: compared, and made one.

Padding, its side, the end of the text, the vocabulary and the segments. What differs is mended and said where it is
clear which of the two holds, else refused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache

from transformers import PretrainedConfig, PreTrainedTokenizerBase

from headstart.errors import UsageError
from headstart.models.input_length import counts_from_padding
from headstart.models.text_config import text_config

_log = logging.getLogger(__name__)

READS_THE_END = ("xlnet",)
"""Architectures whose native head reads the last place of a batch, padding or not."""

READS_THE_LAST_EOS = ("bart", "bigbird_pegasus", "mbart", "mt5", "mvp", "plbart", "t5", "umt5")
"""Architectures whose native head reads the place of the last end-of-text token."""

SEGMENTS = "token_type_ids"
NUM_SHOWN = 5
FEW_TOKENS = 0.5
"""A tokenizer with a smaller share of its model's tokens than this is likely another model's."""


def agree(tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig | None, name: str) -> tuple[str, ...]:
    """Make a tokenizer one with its model, in place; return a sentence for each difference that was mended.

    Args:
        tokenizer: as its files say.
        config: of the backbone; None where a folder has none, and only what the tokenizer needs by itself is looked at.
        name: of the model, as the user said it.

    Raises:
        UsageError: if the tokenizer has nothing to pad with, or knows words that the model has no vector for.
    """
    _give_padding(tokenizer, name)
    if config is None:
        return ()
    checks: tuple[Callable[[PreTrainedTokenizerBase, PretrainedConfig], str | None], ...] = (
        _padding,
        _padding_side,
        _vocabulary,
        _segments,
    )
    try:
        found = [check(tokenizer, config) for check in checks]
    except UsageError as error:
        raise UsageError(f"{name!r}: {error.given}", allowed=error.allowed, remedy=error.remedy) from None
    return tuple(f"{name}: {sentence}" for sentence in found if sentence is not None)


def follow_tokenizer(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write into a configuration, in place, the padding that its tokenizer uses."""
    if counts_from_padding(config):
        return
    for part in {id(part): part for part in (config, text_config(config))}.values():
        part.pad_token_id = tokenizer.pad_token_id
        if hasattr(part, "pad_index"):
            part.pad_index = tokenizer.pad_token_id


def follow_end_of_text(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase, name: str) -> str | None:
    """Write into a configuration the end-of-text token that its native head looks for, as its tokenizer gives it.

    Returns:
        What was mended; None where both agree, or the head does not look for it.

    Raises:
        UsageError: if the tokenizer ends no text.
    """
    if config.model_type not in READS_THE_LAST_EOS:
        return None
    given, own, ids = config.eos_token_id, tokenizer.eos_token_id, set(tokenizer("a")["input_ids"])
    if given in ids:
        return None
    if own is None or own not in ids:
        raise UsageError(
            f"the native head of {name!r} reads the end-of-text token, and its tokenizer ends no text with one",
            allowed=f"  The configuration calls id {given} the end; the tokenizer gives {sorted(ids)} for 'a'.",
            remedy="  Use the `head` linear, or this model's own tokenizer.",
        )
    config.eos_token_id = own
    return (
        f"{name}: its configuration ends texts with id {given}, its tokenizer with {own} ({tokenizer.eos_token}): "
        "the tokenizer's holds"
    )


@cache
def say_once(note: str) -> None:
    """Say a sentence on a checkpoint, the first time that this process comes to it."""
    _log.warning("%s", note)


def _give_padding(tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    if tokenizer.pad_token is not None:
        return
    if tokenizer.eos_token is None:
        raise UsageError(
            f"the tokenizer of {name!r} has neither a padding token nor an end-of-text token",
            allowed="  Texts of different lengths stand in one batch, so the shorter ones have to be padded.",
            remedy='  Name a token that texts do not contain as "pad_token" in tokenizer_config.json.',
        )
    tokenizer.pad_token = tokenizer.eos_token


def _padding(tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig) -> str | None:
    given = text_config(config).pad_token_id
    if given is None or given == tokenizer.pad_token_id:
        return None
    difference = (
        f"its configuration pads with id {given}{_named(tokenizer, given)}, "
        f"its tokenizer with {tokenizer.pad_token_id} ({tokenizer.pad_token})"
    )
    if counts_from_padding(config):
        return f"{difference}: both hold, since the model counts positions from the first"
    return f"{difference}: the tokenizer's holds"


def _padding_side(tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig) -> str | None:
    """Heads that read one place, and positions that count from a batch's edge, would take padding for text."""
    given, wanted = tokenizer.padding_side, "left" if config.model_type in READS_THE_END else "right"
    if given == wanted:
        return None
    tokenizer.padding_side = tokenizer.init_kwargs["padding_side"] = wanted
    return f"its tokenizer pads on the {given}; here it pads on the {wanted}, where no head takes padding for text"


def _vocabulary(tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig) -> str | None:
    num_rows = num_vectors(config)
    if num_rows is None:
        return None
    beyond = sorted((number, token) for token, number in tokenizer.get_vocab().items() if number >= num_rows)
    frame = tokenizer.convert_ids_to_tokens([*tokenizer("a", "a")["input_ids"], tokenizer.pad_token_id])
    seldom = set(tokenizer.all_special_tokens) - set(frame)
    words = [token for _, token in beyond if token not in seldom]
    if words:
        raise UsageError(
            f"its tokenizer knows {_counted(words)} more than the model: {_shown(words)}",
            allowed=f"  The model has vectors for {num_rows} tokens, numbered from 0.",
            remedy="  With transformers, call model.resize_token_embeddings(len(tokenizer)) and save both again; or "
            "use the tokenizer without these tokens.",
        )
    if beyond:
        return f"the model has no vector for {_shown([token for _, token in beyond])}, which no text may contain"
    if len(tokenizer) < num_rows * FEW_TOKENS:
        return f"its tokenizer knows {len(tokenizer)} tokens, the model {num_rows}: make sure that they belong together"
    return None


def _segments(tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig) -> str | None:
    """A model with one segment reads no second; one with two is told where the second text begins."""
    known, names = getattr(text_config(config), "type_vocab_size", None), list(tokenizer.model_input_names)
    if not isinstance(known, int):
        return None
    if known == 1 and SEGMENTS in names:
        _read(tokenizer, [name for name in names if name != SEGMENTS])
        return "its tokenizer numbers the texts of a pair, and the model knows one segment: the numbers are left out"
    if known > 1 and SEGMENTS not in names and 1 in tokenizer("a", "a", return_token_type_ids=True)[SEGMENTS]:
        _read(tokenizer, [*names, SEGMENTS])
        return "its tokenizer does not number the texts of a pair, and the model has segments for them: it does here"
    return None


def num_vectors(config: PretrainedConfig) -> int | None:
    """Return how many tokens a model has vectors for; None where it has none by token, as models of characters."""
    number = getattr(text_config(config), "vocab_size", None)
    return number if isinstance(number, int) else None


def _read(tokenizer: PreTrainedTokenizerBase, names: list[str]) -> None:
    """Let a tokenizer give these inputs, after it was saved and read back too."""
    tokenizer.model_input_names = tokenizer.init_kwargs["model_input_names"] = names


def _named(tokenizer: PreTrainedTokenizerBase, number: int) -> str:
    return f" ({tokenizer.convert_ids_to_tokens(number)})" if 0 <= number < len(tokenizer) else ""


def _counted(tokens: list[str]) -> str:
    return "1 token" if len(tokens) == 1 else f"{len(tokens)} tokens"


def _shown(tokens: list[str]) -> str:
    return ", ".join(tokens[:NUM_SHOWN]) + (", ..." if len(tokens) > NUM_SHOWN else "")
