"""How long a text may be for a model, in tokens, and how long it is unless somebody asks for more."""

from __future__ import annotations

from transformers import PretrainedConfig, PreTrainedTokenizerBase

from headstart.errors import CheckpointError
from headstart.models.source import ModelSource
from headstart.models.text_config import text_config
from headstart.safe_files import read_json_value

POSITIONS_AFTER_PADDING = (
    "camembert",
    "data2vec-text",
    "esm",
    "ibert",
    "layoutlmv3",
    "lilt",
    "longformer",
    "luke",
    "markuplm",
    "mpnet",
    "xmod",
)
"""Architectures beside RoBERTa's family that count positions from pad_token_id + 1."""

SENTENCE_FILE = "sentence_bert_config.json"
USUAL_LENGTH = 512
"""Where nothing says how long a text may be."""
UNKNOWN_LENGTH = 10**6
"""Tokenizers say a larger number than this where nobody told them a length."""


def counts_from_padding(config: PretrainedConfig) -> bool:
    """Return whether a model's positions begin after the number of its padding token."""
    return "roberta" in config.model_type or config.model_type in POSITIONS_AFTER_PADDING


def longest_input(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the longest example that a model reads, special tokens included.

    That is what it has positions for. A model without positions of its own reads what its tokenizer says, and at least
    512 tokens.
    """
    part = text_config(config)
    positions = getattr(part, "max_position_embeddings", None)
    if not isinstance(positions, int) or positions <= 0:
        return max(_said(tokenizer), USUAL_LENGTH)
    return positions - ((part.pad_token_id or 0) + 1 if counts_from_padding(part) else 0)


def usual_input(source: ModelSource, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the length that a model is meant for: its own longest, its tokenizer's or its sentence encoder's."""
    said = [longest_input(config, tokenizer), *filter(None, (_said(tokenizer), _said_for_sentences(source)))]
    return min(said)


def _said(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the length that a tokenizer names; 0 where it names none."""
    return int(tokenizer.model_max_length) if tokenizer.model_max_length < UNKNOWN_LENGTH else 0


def _said_for_sentences(source: ModelSource) -> int:
    """Return the length that a sentence encoder was made with; 0 where no file says it."""
    try:
        said = read_json_value(source.path / SENTENCE_FILE).get("max_seq_length")
    except (OSError, CheckpointError, AttributeError):
        return 0
    return said if isinstance(said, int) and said > 0 else 0
