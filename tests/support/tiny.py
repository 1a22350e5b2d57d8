"""Tiny checkpoints of real architectures, built from configurations: no download, a few hundred kilobytes each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedModel, PreTrainedTokenizerFast

HIDDEN_SIZE, NUM_LAYERS, NUM_HEADS, INTERMEDIATE_SIZE, MAX_TOKENS = 32, 2, 4, 64, 128

WORDS = (
    "a all an and animal animals another are as at bad barks bed before big bird birds black blue book both boy "
    "brave bread brown by cat cats child children cold dark day dog dogs door drinks early eats eight either every "
    "everybody fair fast few film first fish five flies flower food for four friend from funny garden girl glad "
    "good great green had happy hard has he her hill his horse hot house hungry idea if in is it its jumps kind "
    "king large late left less light likes little lives long love loves man many mean mice milk more morning most "
    "mouse movie music nearly never new night nine no nobody none nor nose not nothing of old on one only open or "
    "other our out over paper people plant plays poor queen quick quiet reads red rice right river road room round "
    "runs sad saw sea second sees seven she shop short sings six sleeps slow small some somebody song stone story "
    "street strong sun sweet swims table tall teacher ten than that the their then there they thin third this three "
    "time town tree true truth two under very walks wall warm was water weak were what white wild wind window wise "
    "with without woman words works wrong year yellow yes young zero "
)
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"

BERT_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ROBERTA_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """How to build one kind of model, tiny.

    Attributes:
        config: name of the configuration class, and `sizes`, in its words.
        classes: names of the model classes by kind: what pretraining left ("pretrained"), and with a head.
    """

    config: str
    classes: dict[str, str]
    sizes: dict[str, Any]
    has_segments: bool = False
    special_tokens: tuple[str, ...] = BERT_TOKENS


_COMMON: dict[str, Any] = {
    "hidden_size": HIDDEN_SIZE,
    "num_hidden_layers": NUM_LAYERS,
    "num_attention_heads": NUM_HEADS,
    "intermediate_size": INTERMEDIATE_SIZE,
    "max_position_embeddings": MAX_TOKENS,
}

ARCHITECTURES: dict[str, Architecture] = {
    "bert": Architecture(
        config="BertConfig",
        classes={
            "pretrained": "BertForPreTraining",
            "mlm": "BertForMaskedLM",
            "classifier": "BertForSequenceClassification",
        },
        sizes=_COMMON,
        has_segments=True,
    ),
    "roberta": Architecture(
        config="RobertaConfig",
        classes={"pretrained": "RobertaForMaskedLM", "classifier": "RobertaForSequenceClassification"},
        # RoBERTa's first position is pad_token_id + 1.
        sizes=_COMMON | {"max_position_embeddings": MAX_TOKENS + 2, "type_vocab_size": 1},
        special_tokens=ROBERTA_TOKENS,
    ),
    "distilbert": Architecture(
        config="DistilBertConfig",
        classes={"pretrained": "DistilBertForMaskedLM", "classifier": "DistilBertForSequenceClassification"},
        sizes={
            "dim": HIDDEN_SIZE,
            "n_layers": NUM_LAYERS,
            "n_heads": NUM_HEADS,
            "hidden_dim": INTERMEDIATE_SIZE,
            "max_position_embeddings": MAX_TOKENS,
        },
    ),
    "electra": Architecture(
        config="ElectraConfig",
        classes={"pretrained": "ElectraForPreTraining", "classifier": "ElectraForSequenceClassification"},
        # Narrower embeddings, as the published models have them.
        sizes=_COMMON | {"embedding_size": HIDDEN_SIZE // 2},
        has_segments=True,
    ),
    "deberta-v2": Architecture(
        config="DebertaV2Config",
        classes={"pretrained": "DebertaV2ForMaskedLM", "classifier": "DebertaV2ForSequenceClassification"},
        # Relative attention as in DeBERTa-v3, which reads no absolute positions and no segments.
        sizes=_COMMON
        | {
            "relative_attention": True,
            "position_buckets": 16,
            "max_relative_positions": -1,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "pos_att_type": ["p2c", "c2p"],
            "position_biased_input": False,
            "type_vocab_size": 0,
        },
        has_segments=True,
    ),
    "modernbert": Architecture(
        config="ModernBertConfig",
        classes={"pretrained": "ModernBertForMaskedLM", "classifier": "ModernBertForSequenceClassification"},
        sizes=_COMMON | {"local_attention": 16, "global_attn_every_n_layers": 2},
    ),
}


def make_checkpoint(
    folder: Path,
    architecture: str,
    *,
    kind: str = "pretrained",
    num_labels: int = 2,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> Path:
    """Save a tiny random model and its tokenizer into `folder`; return the folder.

    Args:
        folder: made when missing.
        architecture: a key of `ARCHITECTURES`.
        kind: "pretrained" as it comes from pretraining; "mlm" (BERT without a pooler); "classifier" with a head.
        num_labels: of the head, for kind "classifier".
        dtype: of the saved weights.
        seed: of the weights.
    """
    model = make_model(architecture, kind=kind, num_labels=num_labels, seed=seed)
    model.to(dtype).save_pretrained(folder)
    make_tokenizer(architecture).save_pretrained(folder)
    return folder


def make_model(architecture: str, *, kind: str = "classifier", num_labels: int = 2, seed: int = 0) -> PreTrainedModel:
    """Return a tiny random model in eval mode, with weights wide enough that different texts differ in logits."""
    parts = ARCHITECTURES[architecture]
    tokenizer = make_tokenizer(architecture)
    config = getattr(transformers, parts.config)(
        vocab_size=len(tokenizer),
        num_labels=num_labels,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        cls_token_id=tokenizer.cls_token_id,
        sep_token_id=tokenizer.sep_token_id,
        initializer_range=0.1,
        **parts.sizes,
    )
    build: Callable[..., PreTrainedModel] = getattr(transformers, parts.classes[kind])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(config).eval()


def make_tokenizer(architecture: str) -> PreTrainedTokenizerFast:
    """Return a fast tokenizer with the architecture's special tokens: whole words where known, else their letters."""
    parts = ARCHITECTURES[architecture]
    tokens = [*parts.special_tokens, *WORDS.split(), *LETTERS, *".,;:!?'-", *(f"##{letter}" for letter in LETTERS)]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    is_roberta = parts.special_tokens == ROBERTA_TOKENS
    first, last, pad, unknown, mask = (
        ("<s>", "</s>", "<pad>", "<unk>", "<mask>") if is_roberta else ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")
    )
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token=unknown, max_input_chars_per_word=100))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    between = f"{last} {last}" if is_roberta else last
    backend.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        pair=f"{first} $A {between} $B:1 {last}:1",
        special_tokens=[(first, vocabulary[first]), (last, vocabulary[last])],
    )
    names = ["input_ids", "token_type_ids", "attention_mask"] if parts.has_segments else ["input_ids", "attention_mask"]
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_max_length=MAX_TOKENS,
        model_input_names=names,
        cls_token=first,
        sep_token=last,
        pad_token=pad,
        unk_token=unknown,
        mask_token=mask,
    )
