"""Subword tokenizers of the kinds that published models use, trained on a few sentences: no download."""

from __future__ import annotations

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

SENTENCES = (
    "The bank of the river is near, and the bank in the town is closed.",
    'She said: "a spring day", then the spring (of steel) broke.',
    "He plays a Play; they played the plays of the player again and again.",
    "A light coat is light, lighter than a light house in the light.",
)
FIRST, LAST, PAD, UNKNOWN = "<s>", "</s>", "<pad>", "<unk>"
SPECIAL = [FIRST, PAD, LAST, UNKNOWN]
KINDS = ("bytes, spaces kept", "bytes, spaces trimmed", "bytes, space in front", "sentence pieces", "byte fallback")


def make_subword_tokenizer(kind: str) -> PreTrainedTokenizerFast:
    """Return a fast tokenizer of one of `KINDS`, with RoBERTa's way to set special tokens around texts.

    "bytes": byte-level BPE as GPT-2 (offsets with the space before a word, or without it) and RoBERTa have it, the last
    with a space put in front of every text; "sentence pieces": a unigram model as XLM-R's; "byte fallback": BPE that
    writes characters it does not know as bytes, as Llama's.
    """
    maker = _byte_level if kind.startswith("bytes") else _metaspace
    return PreTrainedTokenizerFast(
        tokenizer_object=maker(kind),
        model_max_length=128,
        model_input_names=["input_ids", "attention_mask"],
        cls_token=FIRST,
        sep_token=LAST,
        pad_token=PAD,
        unk_token=UNKNOWN,
    )


def _byte_level(kind: str) -> Tokenizer:
    has_space_in_front = kind == "bytes, space in front"
    backend = Tokenizer(models.BPE(unk_token=UNKNOWN))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=has_space_in_front)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(SENTENCES, trainer)
    first, last = (FIRST, backend.token_to_id(FIRST)), (LAST, backend.token_to_id(LAST))
    backend.post_processor = processors.RobertaProcessing(
        last, first, trim_offsets=kind != "bytes, spaces kept", add_prefix_space=has_space_in_front
    )
    return backend


def _metaspace(kind: str) -> Tokenizer:
    if kind == "sentence pieces":
        backend = Tokenizer(models.Unigram())
        trainer = trainers.UnigramTrainer(
            vocab_size=200, special_tokens=SPECIAL, unk_token=UNKNOWN, show_progress=False
        )
    else:
        backend = Tokenizer(models.BPE(unk_token=UNKNOWN, byte_fallback=True))
        bytes_as_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
        trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=[*SPECIAL, *bytes_as_tokens], show_progress=False)
    backend.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(" {2,}"), " ")])
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(), decoders.Fuse()])
    backend.train_from_iterator(SENTENCES, trainer)
    backend.post_processor = processors.TemplateProcessing(
        single=f"{FIRST} $A {LAST}",
        pair=f"{FIRST} $A {LAST} {LAST} $B {LAST}",
        special_tokens=[(token, backend.token_to_id(token)) for token in (FIRST, LAST)],
    )
    return backend
