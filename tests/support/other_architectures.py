"""Tiny checkpoints of architectures beside the six of `tests.support.tiny`, by the names of their configurations."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers
from transformers import CanineTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from tests.support.tiny import make_tokenizer

SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 66,
}
OTHER_ARCHITECTURES: dict[str, tuple[str, str, dict[str, object]]] = {
    "albert": ("AlbertConfig", "AlbertForMaskedLM", SMALL | {"embedding_size": 16}),
    "bart": (
        "BartConfig",
        "BartForConditionalGeneration",
        {
            "d_model": 16,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 16,
            "decoder_ffn_dim": 16,
            "max_position_embeddings": 64,
        },
    ),
    "deberta": (
        "DebertaConfig",
        "DebertaForMaskedLM",
        SMALL | {"type_vocab_size": 0, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]},
    ),
    "funnel": (
        "FunnelConfig",
        "FunnelForPreTraining",
        {"d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 32, "block_sizes": [1, 1], "num_decoder_layers": 1},
    ),
    "gpt2": ("GPT2Config", "GPT2LMHeadModel", {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64}),
    "llama": ("LlamaConfig", "LlamaForCausalLM", SMALL),
    "longformer": (
        "LongformerConfig",
        "LongformerForMaskedLM",
        SMALL | {"attention_window": [4, 4], "type_vocab_size": 1, "sep_token_id": 2},
    ),
    "mpnet": ("MPNetConfig", "MPNetForMaskedLM", SMALL),
    "qwen3": ("Qwen3Config", "Qwen3ForCausalLM", SMALL | {"head_dim": 8, "num_key_value_heads": 1}),
    "squeezebert": (
        "SqueezeBertConfig",
        "SqueezeBertForMaskedLM",
        SMALL
        | dict.fromkeys(("q_groups", "k_groups", "v_groups", "intermediate_groups", "output_groups"), 1)
        | {"post_attention_groups": 1, "embedding_size": 16},
    ),
    "t5": (
        "T5Config",
        "T5ForConditionalGeneration",
        {"d_model": 16, "d_kv": 8, "num_layers": 1, "num_heads": 2, "d_ff": 16, "decoder_start_token_id": 0},
    ),
    "xlm-roberta": ("XLMRobertaConfig", "XLMRobertaForMaskedLM", SMALL | {"type_vocab_size": 1}),
    "xlnet": ("XLNetConfig", "XLNetLMHeadModel", {"d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 16}),
}
"""Configuration class, class as pretraining leaves it, sizes."""

SELDOM_ARCHITECTURES: dict[str, tuple[str, str, dict[str, object]]] = {
    "canine": ("CanineConfig", "CanineModel", SMALL | {"num_hash_buckets": 64, "local_transformer_stride": 8}),
    "fnet": ("FNetConfig", "FNetForPreTraining", SMALL | {"type_vocab_size": 2}),
    "gemma3_text": (
        "Gemma3TextConfig",
        "Gemma3ForCausalLM",
        SMALL | {"head_dim": 8, "num_key_value_heads": 1, "use_bidirectional_attention": True},
    ),
    "nystromformer": (
        "NystromformerConfig",
        "NystromformerForMaskedLM",
        SMALL | {"num_landmarks": 4, "segment_means_seq_len": 4},
    ),
    "qwen2": ("Qwen2Config", "Qwen2ForCausalLM", SMALL | {"num_key_value_heads": 1}),
    "t5gemma": (
        "T5GemmaConfig",
        "T5GemmaForConditionalGeneration",
        {part: SMALL | {"vocab_size": 302, "head_dim": 8, "num_key_value_heads": 1} for part in ("encoder", "decoder")},
    ),
}
"""Architectures that have something of their own to be tested, and are not in the matrix."""

WITH_ROBERTA_TOKENS = ("bart", "longformer", "mpnet", "xlm-roberta")


def make_other_checkpoint(
    folder: Path,
    architecture: str,
    tokenizer: PreTrainedTokenizerBase | None = None,
    *,
    dtype: torch.dtype = torch.float32,
) -> Path:
    """Save a tiny random model, as pretraining leaves it, and a tokenizer into `folder`; return the folder."""
    config_class, model_class, sizes = (OTHER_ARCHITECTURES | SELDOM_ARCHITECTURES)[architecture]
    if architecture == "canine":
        tokenizer = CanineTokenizer(model_max_length=64)
    tokenizer = tokenizer or make_tokenizer("roberta" if architecture in WITH_ROBERTA_TOKENS else "distilbert")
    config = getattr(transformers, config_class)(
        **({} if architecture == "canine" else {"vocab_size": len(tokenizer)}),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.eos_token_id if tokenizer.sep_token_id is None else tokenizer.sep_token_id,
        **sizes,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: PreTrainedModel = getattr(transformers, model_class)(config)
    model.to(dtype).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
