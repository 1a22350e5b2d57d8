"""What a tokenizer's files may ask for, held to bounds before one is made of them.

A tokenizer is a small program: it replaces, splits and adds. A few lines of it can make a text of any length of one
letter, so that sizes of files alone say little.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from headstart.errors import DamageError, UsageError
from headstart.safe_files import read_json_value

WHOLE = "tokenizer.json"
VOCABULARIES = (WHOLE, "vocab.*", "merges.txt", "*.model", "tekken.json")
"""What files with a tokenizer's words are called."""
MOST_FILE_BYTES = 1 << 27
"""Of each of them: four times the largest that we know."""
MOST_TOKENS, MOST_ADDED_TOKENS = 1 << 22, 100_000
"""Of a vocabulary, and beside it: 16 and 15 times the most that we know."""
MOST_PATTERN = 1 << 14
"""Characters of a regular expression that splits or replaces; those of GPT have about 300."""
MOST_GROWTH = 1 << 10
"""Times that replacing may lengthen a text."""
MOST_IDS = 1 << 10
"""Tokens that are put around a text."""
MOST_PADDING = 1 << 20
"""Tokens that a text is padded to."""


def require_bounded_tokenizer(folder: Path) -> None:
    """Refuse a tokenizer's files that are larger, or ask for more, than any that people publish.

    Raises:
        UsageError: naming the file and what is too much.
        DamageError: if a file is no regular one, is too large or cannot be read.
    """
    for path in sorted({path for pattern in VOCABULARIES for path in folder.glob(pattern)}):
        if path.is_dir():
            continue
        if not path.is_file():
            raise DamageError(path, "it should be a file")
        if path.stat().st_size > MOST_FILE_BYTES:
            raise DamageError(path, f"it has {path.stat().st_size:,} bytes; at most {MOST_FILE_BYTES:,} are read")
    path = folder / WHOLE
    if not path.is_file():
        return
    values = read_json_value(path, most_bytes=MOST_FILE_BYTES)
    if isinstance(values, dict):
        for what, number, most in _sizes(values):
            if number > most:
                raise UsageError(
                    f"{path} asks for what is not built: {what} {number:,}",
                    allowed=f"  At most {most:,} is read.",
                    remedy="  Take the tokenizer from a place that you trust.",
                )


def _sizes(values: Mapping[str, Any]) -> Iterator[tuple[str, float, int]]:
    """Yield what a tokenizer asks for: in words, how much, and what it may be at most."""
    yield "the number of added tokens is", _length(values.get("added_tokens")), MOST_ADDED_TOKENS
    yield "the number of words is", _length(_member(values.get("model"), "vocab")), MOST_TOKENS
    growth = math.prod(map(_growth, _parts(values.get("normalizer"))))
    yield "the times by which the normalizer may lengthen a text are", growth, MOST_GROWTH
    for name in ("normalizer", "pre_tokenizer"):
        for part in _parts(values.get(name)):
            pattern = _member(part.get("pattern"), "Regex")
            yield f"the characters of an expression of the {name} are", _length(pattern), MOST_PATTERN
    for part in _parts(values.get("post_processor")):
        yield "the tokens that are put around a text are", _num_ids(part), MOST_IDS
    padding = values.get("padding")
    for number in (_member(_member(padding, "strategy"), "Fixed"), _member(padding, "pad_to_multiple_of")):
        yield "the tokens that a text is padded to are", number if isinstance(number, int) else 0, MOST_PADDING


def _parts(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield the steps of a normalizer, a pre-tokenizer or a post-processor, those of sequences one by one."""
    if not isinstance(value, dict):
        return
    inner = [each for each in value.values() if isinstance(each, list)] if value.get("type") == "Sequence" else []
    if not inner:
        yield value
    for each in inner:
        for part in each:
            yield from _parts(part)


def _growth(step: Mapping[str, Any]) -> int:
    """Return by how many times a step may lengthen a text."""
    if step.get("type") == "Replace":
        replaced = max(1, _length(_member(step.get("pattern"), "String")))
        is_anything = _member(step.get("pattern"), "String") is None
        return max(1, math.ceil(_length(step.get("content")) / replaced) + is_anything)
    if step.get("type") == "Prepend":
        return 1 + _length(step.get("prepend"))
    if step.get("type") == "Precompiled":
        return max(1, _longest_mapped(step.get("precompiled_charsmap")))
    return 1


def _longest_mapped(packed: object) -> int:
    """Return the bytes of the longest text that a map of characters puts in place of one.

    Source: SentencePiece, normalizer.cc: the length of a trie, the trie, and texts that end in zero bytes.
    """
    try:
        content = base64.b64decode(packed) if isinstance(packed, str) else b""
    except ValueError:
        return 0
    texts = content[4 + int.from_bytes(content[:4], "little") :]
    return max(map(len, texts.split(b"\0")))


def _num_ids(step: Mapping[str, Any]) -> int:
    """Return how many tokens a post-processor puts around one text or two."""
    special = step.get("special_tokens")
    numbers = [0]
    for name in ("single", "pair"):
        pieces = step.get(name)
        used = [_member(_member(piece, "SpecialToken"), "id") for piece in pieces] if isinstance(pieces, list) else []
        numbers.append(sum(_length(_member(_member(special, each), "ids")) for each in used if isinstance(each, str)))
    return max(numbers)


def _member(value: object, name: object) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _length(value: object) -> int:
    return len(value) if isinstance(value, dict | list | str) else 0
