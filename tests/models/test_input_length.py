"""How long a text may be: what positions allow, and what a sentence encoder or a tokenizer was made for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from headstart.models.input_length import POSITIONS_AFTER_PADDING, longest_input, usual_input
from headstart.models.source import ModelSource
from tests.support.tiny import make_tokenizer

SIZES: dict[str, Any] = {
    "hidden_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "intermediate_size": 8,
    "max_position_embeddings": 20,
    "vocab_size": 60,
    "pad_token_id": 3,
}
COUNTING: Mapping[str, tuple[str, dict[str, Any]]] = {
    "camembert": ("Camembert", {}),
    "data2vec-text": ("Data2VecText", {}),
    "esm": ("Esm", {"position_embedding_type": "absolute", "mask_token_id": 5, "token_dropout": False}),
    "ibert": ("IBert", {}),
    "lilt": ("Lilt", {"channel_shrink_ratio": 1, "max_2d_position_embeddings": 16}),
    "longformer": ("Longformer", {"attention_window": [4]}),
    "luke": ("Luke", {"entity_vocab_size": 4, "entity_emb_size": 8}),
    "markuplm": ("MarkupLM", {}),
    "mpnet": ("MPNet", {"pad_token_id": 1}),
    "roberta": ("Roberta", {}),
    "xlm-roberta": ("XLMRoberta", {}),
    "xmod": ("Xmod", {"languages": ["en_XX"], "default_language": "en_XX"}),
    "bert": ("Bert", {}),
}
WITH_BOXES = ("layoutlmv3",)
"""Architectures that read places on a page too, which no text has."""


@pytest.mark.parametrize("name", COUNTING)
def test_the_longest_input_is_read_and_one_more_token_is_not(name: str) -> None:
    prefix, more = COUNTING[name]
    config = getattr(transformers, f"{prefix}Config")(**SIZES | more)
    assert config.model_type == name
    tokenizer = make_tokenizer("bert")
    model = getattr(transformers, f"{prefix}Model")(config).eval()
    longest = longest_input(config, tokenizer)
    with torch.no_grad():
        assert model(torch.full((1, longest), 9)).last_hidden_state.isfinite().all()
        if name != "longformer":  # It pads to its windows.
            with pytest.raises((IndexError, RuntimeError)):
                model(torch.full((1, longest + 1), 9))


def test_all_that_count_from_padding_were_tried() -> None:
    assert {*POSITIONS_AFTER_PADDING} <= {*COUNTING, *WITH_BOXES}


@dataclass
class Said:
    """What a tokenizer says of lengths."""

    model_max_length: int


@pytest.mark.parametrize(
    ("positions", "said", "sentences", "longest", "usual"),
    [
        (512, 512, 256, 512, 256),
        (512, 10**30, None, 512, 512),
        (512, 64, None, 512, 64),
        (512, 10**30, 1024, 512, 512),
        (None, 64, None, 512, 64),
        (None, 10**30, 128, 512, 128),
        (None, 2048, None, 2048, 2048),
    ],
)
def test_what_is_asked_for_may_be_longer_than_what_is_usual(
    positions: int | None, said: int, sentences: int | None, longest: int, usual: int, tmp_path: Path
) -> None:
    config = transformers.T5Config() if positions is None else transformers.BertConfig(max_position_embeddings=512)
    if sentences is not None:
        (tmp_path / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": sentences}))
    source, tokenizer = ModelSource(name="it", path=tmp_path, revision=""), Said(said)
    assert longest_input(config, tokenizer) == longest  # type: ignore[arg-type]
    assert usual_input(source, config, tokenizer) == usual  # type: ignore[arg-type]


@pytest.mark.parametrize("content", ["{", "[]", '{"max_seq_length": "many"}', '{"max_seq_length": 0}'])
def test_a_file_that_says_no_length_plays_no_part(content: str, tmp_path: Path) -> None:
    (tmp_path / "sentence_bert_config.json").write_text(content)
    source = ModelSource(name="it", path=tmp_path, revision="")
    assert usual_input(source, transformers.BertConfig(), Said(512)) == 512  # type: ignore[arg-type]
