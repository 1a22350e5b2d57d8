"""Tiny classifiers of every architecture that people use, with inputs for them, for tests of adapters of our own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import transformers
from transformers import PreTrainedModel

from headstart.models.classifier import Classifier
from headstart.models.loading import classifier_from_model

HIDDEN, LAYERS, HEADS, INNER = 16, 2, 2, 24

TOKENS: dict[str, Any] = {"vocab_size": 60, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
USUAL: dict[str, Any] = {
    "hidden_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": INNER,
    "initializer_range": 0.2,
}
TEXT = TOKENS | USUAL | {"max_position_embeddings": 66}

TEXT_MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "albert": ("Albert", TEXT | {"embedding_size": 8}),
    "bart": (
        "Bart",
        TOKENS
        | {"d_model": HIDDEN, "encoder_layers": LAYERS, "decoder_layers": LAYERS, "encoder_attention_heads": HEADS}
        | {"decoder_attention_heads": HEADS, "encoder_ffn_dim": INNER, "decoder_ffn_dim": INNER, "init_std": 0.2},
    ),
    "bert": ("Bert", TEXT),
    "deberta": ("Deberta", TEXT | {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]}),
    "deberta-v2": (
        "DebertaV2",
        TEXT
        | {"relative_attention": True, "position_buckets": 16, "norm_rel_ebd": "layer_norm", "share_att_key": True}
        | {"pos_att_type": ["p2c", "c2p"], "position_biased_input": False, "type_vocab_size": 0},
    ),
    "distilbert": (
        "DistilBert",
        TOKENS | {"dim": HIDDEN, "n_layers": LAYERS, "n_heads": HEADS, "hidden_dim": INNER, "initializer_range": 0.2},
    ),
    "electra": ("Electra", TEXT | {"embedding_size": 8}),
    "gpt2": ("GPT2", TOKENS | {"n_embd": HIDDEN, "n_layer": LAYERS, "n_head": HEADS, "initializer_range": 0.2}),
    "llama": ("Llama", TEXT | {"num_key_value_heads": 1}),
    "longformer": ("Longformer", TEXT | {"attention_window": [4, 4]}),
    "modernbert": (
        "ModernBert",
        TEXT | {"local_attention": 4, "global_attn_every_n_layers": 2, "cls_token_id": 1, "sep_token_id": 2},
    ),
    "mpnet": ("MPNet", TEXT),
    "qwen3": ("Qwen3", TEXT | {"num_key_value_heads": 1, "head_dim": HIDDEN // HEADS}),
    "roberta": ("Roberta", TEXT),
    "t5": (
        "T5",
        TOKENS
        | {"d_model": HIDDEN, "d_kv": HIDDEN // HEADS, "num_layers": LAYERS, "num_heads": HEADS, "d_ff": INNER}
        | {"decoder_start_token_id": 0},
    ),
    "xlm-roberta": ("XLMRoberta", TEXT),
    "xlnet": ("XLNet", TOKENS | {"d_model": HIDDEN, "n_layer": LAYERS, "n_head": HEADS, "d_inner": INNER}),
}
"""First part of the classes' names, and the configuration."""

OTHER_MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "vit": ("ViTConfig", "ViTForImageClassification", USUAL | {"image_size": 8, "patch_size": 4}),
    "wav2vec2": (
        "Wav2Vec2Config",
        "Wav2Vec2ForSequenceClassification",
        USUAL
        | {"conv_dim": (8, 8), "conv_stride": (5, 2), "conv_kernel": (10, 3), "num_feat_extract_layers": 2}
        | {"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4, "apply_spec_augment": False},
    ),
}

ALL = (*TEXT_MODELS, *OTHER_MODELS)
OWN_ATTENTION = ("deberta", "deberta-v2", "longformer", "mpnet", "xlnet")
"""Architectures that know one implementation of attention, their own."""
WITHOUT_CHECKPOINTING = ("albert", "mpnet", "xlnet")
"""Architectures for which transformers has no gradient checkpointing."""
WITH_DECODER = ("bart", "t5")


def make_classifier(architecture: str, *, attention: str = "sdpa") -> Classifier:
    """Return a tiny random classifier in eval mode, without dropout modules' effect; at every call the same weights."""
    if architecture in TEXT_MODELS:
        name, values = TEXT_MODELS[architecture]
        config_class, model_class = f"{name}Config", f"{name}ForSequenceClassification"
    else:
        config_class, model_class, values = OTHER_MODELS[architecture]
    config = getattr(transformers, config_class)(**values)
    config._attn_implementation = "eager" if architecture in OWN_ATTENTION else attention
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: PreTrainedModel = getattr(transformers, model_class)(config)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return classifier_from_model(model.eval())


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Two texts in one batch, the first one padded, and the first one alone."""

    both: dict[str, torch.Tensor]
    first: dict[str, torch.Tensor]


def make_texts() -> Texts:
    ids = torch.tensor([[1, 9, 31, 17, 2, 0, 0, 0], [1, 44, 8, 23, 57, 12, 30, 2]])
    both = {"input_ids": ids, "attention_mask": (ids != 0).long()}
    return Texts(both=both, first={name: tensor[:1, :5] for name, tensor in both.items()})


def make_inputs(architecture: str) -> dict[str, torch.Tensor]:
    """Return a batch of two that the architecture reads."""
    generator = torch.Generator().manual_seed(0)
    if architecture == "vit":
        return {"pixel_values": torch.randn(2, 3, 8, 8, generator=generator)}
    if architecture == "wav2vec2":
        return {"input_values": torch.randn(2, 400, generator=generator)}
    return make_texts().both
