#!/usr/bin/env bash
# Guess:      a folder's tokenizer.json says everything about its tokenizer, so that transformers and the library
#             `tokenizers` give the same ids for it.
# Behaviour:  transformers 5.23 takes vocabulary and merges from the file, and builds the normaliser and the
#             pre-tokenizer of a named class anew: a tokenizer.json without a normaliser is lower-cased under
#             model_type bert. With the class PreTrainedTokenizerFast the file is obeyed. Nothing is said.
# Why:        a cased model reads other words than it was trained on, and the runtime that serves it from
#             tokenizer.json reads others than training did.
# Source:     transformers 5.23.0, tokenization_utils_tokenizers.py, `TokenizersBackend.convert_to_native_format`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.23.0 tokenizers==0.23.3
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import json
import sys
from pathlib import Path

import tokenizers
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer

folder = Path(sys.argv[1]) / "model"
folder.mkdir()
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "A", "good", "film"]
cased = Tokenizer(models.WordPiece({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
cased.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
cased.post_processor = processors.TemplateProcessing(
    single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
)
cased.save(str(folder / "tokenizer.json"))
(folder / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": len(words)}))


def loaded() -> list[str]:
    return AutoTokenizer.from_pretrained(folder).convert_ids_to_tokens(
        AutoTokenizer.from_pretrained(folder)("A good film")["input_ids"]
    )


written = Tokenizer.from_file(str(folder / "tokenizer.json")).encode("A good film").tokens
by_class = loaded()
(folder / "tokenizer_config.json").write_text(
    json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]", "pad_token": "[PAD]"})
)
by_file = loaded()
print(f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}")
print("tokenizer.json says        ", *written)
print("model_type bert makes of it", *by_class)
print("PreTrainedTokenizerFast    ", *by_file)
assert written == by_file == ["[CLS]", "A", "good", "film", "[SEP]"], "the file says something else"
assert by_class == ["[CLS]", "a", "good", "film", "[SEP]"], "the behaviour has changed"
PYTHON
