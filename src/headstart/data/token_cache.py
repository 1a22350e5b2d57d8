"""Tokens kept on disk, so that a large table is tokenised once.

A file is named by the SHA-256 of all that its tokens follow from, and holds flat integers in safetensors: nothing of it
is ever run. Whatever cannot be read or is not what its name says is made again, so the folder may be deleted at any
time and several processes may share it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import tokenizers
import transformers
import xxhash
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from headstart.atomic_files import atomic_path
from headstart.cache import cache_folder
from headstart.data.examples import Split
from headstart.data.token_spans import TokenSpans
from headstart.data.tokenisation import TokenizedSplit, Truncation, tokenize
from headstart.errors import MachineError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MIN_ROWS = 5_000
"""Smaller splits are tokenised faster than anybody would notice."""
FORMAT_VERSION = 1
"""To be raised whenever `tokenize` gives other tokens, or the file has another form."""

Arrays = dict[str, np.ndarray]


def cached_tokens(
    split: Split,
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_length: int,
    truncation: Truncation = "longest_first",
    stride: int = 0,
    min_rows: int = MIN_ROWS,
) -> TokenizedSplit:
    """Return what `tokenize` returns for the same arguments, from the cache where it is there, else into it.

    Splits with fewer than `min_rows` examples are not cached. The same holds for a tokenizer that is not fast: it does
    not say all that its tokens follow from.

    Raises:
        UsageError, DataError: as `tokenize` does. A cache that cannot be written is not an error.
    """
    folder = cache_folder() if len(split) >= min_rows and tokenizer.is_fast else None
    if folder is None:
        return tokenize(split, tokenizer, max_length=max_length, truncation=truncation, stride=stride)
    key = _key(split, tokenizer, (max_length, truncation, stride))
    path = folder / "tokens" / f"{key}.safetensors"
    tokens = _read(path, key, split)
    if tokens is None:
        tokens = tokenize(split, tokenizer, max_length=max_length, truncation=truncation, stride=stride)
        with suppress(OSError, MachineError, SafetensorError):
            _write(path, key, tokens)
    return tokens


def _key(split: Split, tokenizer: PreTrainedTokenizerBase, options: tuple[object, ...]) -> str:
    spans = split.spans and [[(span.text, span.begin, span.end) for span in pair] for pair in split.spans]
    versions = (FORMAT_VERSION, tokenizers.__version__, transformers.__version__)
    whole = hashlib.sha256()
    for part in (versions, options, _tokenizer_content(tokenizer), split.texts, split.choices, spans):
        whole.update(json.dumps(part).encode())
    return whole.hexdigest()


def _tokenizer_content(tokenizer: PreTrainedTokenizerBase) -> object:
    """Return all that tokens follow from, but what the last call left in the tokenizer."""
    backend = json.loads(tokenizer.backend_tokenizer.to_str())
    content = {name: part for name, part in backend.items() if name not in ("truncation", "padding")}
    settings = (tokenizer.model_input_names, tokenizer.truncation_side, tokenizer.split_special_tokens)
    return type(tokenizer).__name__, settings, content


def _write(path: Path, key: str, tokens: TokenizedSplit) -> None:
    arrays: Arrays = {}
    for name, column in tokens.features.items():
        arrays[f"{name}.values"] = np.fromiter(chain.from_iterable(column), dtype=np.int32)
        arrays[f"{name}.lengths"] = np.fromiter(map(len, column), dtype=np.int32)
    if tokens.num_sequences is not None:
        arrays["num_sequences"] = np.array(tokens.num_sequences, dtype=np.int32)
    if tokens.spans is not None:
        arrays["spans"] = np.array(tokens.spans, dtype=np.int32)
    metadata = {"key": key, "num_truncated": str(tokens.num_truncated)}
    with atomic_path(path) as temporary:
        save_file(arrays, temporary, metadata | {"digest": _digest(arrays, metadata)})


def _read(path: Path, key: str, split: Split) -> TokenizedSplit | None:
    """Return a file's tokens, or None if it is missing, damaged, or another's."""
    if not path.is_file():  # A pipe would be waited for.
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = dict(file.metadata() or {})
            arrays: Arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError):
        return None
    if metadata.pop("digest", "") != _digest(arrays, metadata) or metadata.get("key") != key:
        return None
    names = [name.removesuffix(".values") for name in arrays if name.endswith(".values")]
    num_sequences, spans = arrays.get("num_sequences"), arrays.get("spans")
    return TokenizedSplit(
        features={name: _rows(arrays[f"{name}.values"], arrays[f"{name}.lengths"]) for name in names},
        labels=None if split.labels is None else list(split.labels),
        num_sequences=None if num_sequences is None else num_sequences.tolist(),
        spans=None if spans is None else [cast("TokenSpans", tuple(row)) for row in spans.tolist()],
        weights=None if split.weights is None else list(split.weights),
        num_truncated=int(metadata["num_truncated"]),
    )


def _rows(values: np.ndarray, lengths: np.ndarray) -> list[list[int]]:
    flat: list[int] = values.tolist()
    return [flat[begin:end] for begin, end in pairwise(accumulate(lengths.tolist(), initial=0))]


def _digest(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> str:
    """Return a digest that damage changes: names, shapes, bytes and what else the file says."""
    whole = xxhash.xxh3_128(json.dumps(sorted(metadata.items())).encode())
    for name in sorted(arrays):
        whole.update(json.dumps([name, arrays[name].dtype.str, arrays[name].shape]).encode())
        whole.update(arrays[name].tobytes())
    return whole.hexdigest()
