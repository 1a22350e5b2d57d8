"""What a model folder's JSON files may ask for, held to bounds and to the folder before anything is built from them.

A configuration of a few bytes can ask for layers and tables of any size, and an index of shards can name any file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from headstart.errors import UsageError, shortened
from headstart.safe_files import read_json_value
from headstart.stored_names import require_part

MOST_LAYERS, MOST_LABELS, MOST_SIZE = 1_000, 1_000_000, 1 << 27
"""Layers of a model, its classes, and any other size that a configuration names."""
FREE_SCALARS, SCALARS_PER_BYTE = 1 << 28, 4
"""A matrix that a configuration asks for may have so many scalars, and so many more for each byte of the weights."""
QUANTISED = ("quantization_config", "compression_config")
"""What says that weights are not plain numbers; null says that they are."""
INDICES = "*.safetensors.index.json"
_LAYERS = re.compile(r"(^|_)(layers|n_layer|num_layer|depth|num_experts|n_head|num_heads|num_attention_heads)$")
_NUMBER_TYPES = ("dtype", "torch_dtype")
_NUMBER_TYPE = re.compile(r"(torch\.)?(auto|bool|half|double|long|short|(b?float|u?int|complex)[0-9a-z_]*)")
_WIDTHS = ("hidden_size", "d_model", "n_embd", "dim", "embedding_size")
_HEIGHTS = (*_WIDTHS, "vocab_size", "intermediate_size", "d_ff", "hidden_dim", "ffn_dim", "max_position_embeddings")
_NEVER_NEGATIVE = (*_WIDTHS, "vocab_size", "intermediate_size", "d_ff", "num_labels", "_num_labels")
"""Of other sizes -1 may say that there is no bound."""
_SIZES = re.compile(r"(_size|_dim|_positions|_position_embeddings)$|^(d_model|d_ff|n_embd|n_positions|dim)$")


def require_bounded(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuse a configuration that asks for more than its folder's weights can fill, or for code by its name.

    Quantised weights are refused, too: reading them is the business of a package for each method, and what is trained
    and compared here is in fp32.

    Raises:
        UsageError: naming the field of `config.json`.
    """
    num_bytes = sum(path.stat().st_size for path in folder.glob("*.safetensors") if path.is_file())
    for values in _objects(config):
        for name, value in values.items():
            if name.endswith("attn_implementation") and isinstance(value, str) and not re.fullmatch(r"\w+", value):
                raise _refusal(folder, f"{name} is {value!r}, code on the hub", "It may name one of transformers' own.")
            if name in _NUMBER_TYPES and isinstance(value, str) and not _NUMBER_TYPE.fullmatch(value):
                raise _refusal(folder, f"{name} is {value!r}", "It may name one of torch's types of numbers.")
            if _LAYERS.search(name) and isinstance(value, int) and value < 0:
                raise _refusal(folder, f"{name} is {value:,}", "It is 0 or more.")
            if isinstance(value, int) and value > (most := _most(name)):
                raise _refusal(folder, f"{name} is {value:,}", f"At most {most:,} is read.")
            if isinstance(value, int) and value < 0 and (_LAYERS.search(name) or name in _NEVER_NEGATIVE):
                raise _refusal(folder, f"{name} is {value:,}", "It is 0 or more.")
            if name in QUANTISED and value is not None:
                raise _quantised(folder, name, value)
        _require_filled(folder, values, num_bytes)


def require_own_shards(folder: Path) -> None:
    """Refuse an index of weights that names anything but safetensors files of its own folder.

    Raises:
        UsageError: naming the index.
        DamageError: if an index cannot be read.
    """
    for path in sorted(folder.glob(INDICES)):
        values = read_json_value(path)
        named = values.get("weight_map") if isinstance(values, dict) else None
        for name in dict.fromkeys(map(str, named.values())) if isinstance(named, dict) else ():
            try:
                is_own = require_part("a shard's name", name).endswith(".safetensors")
            except ValueError:
                is_own = False
            if not is_own:
                raise UsageError(
                    f"{path} names {name!r} as a part of the weights",
                    allowed="  It may name .safetensors files that lie beside it.",
                )


def _objects(values: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield an object and all objects in it: parts of a model have configurations of their own."""
    yield values
    for value in values.values():
        if isinstance(value, dict):
            yield from _objects(value)


def _most(name: str) -> float:
    if name in ("num_labels", "_num_labels"):
        return MOST_LABELS
    if _LAYERS.search(name):
        return MOST_LAYERS
    return MOST_SIZE if _SIZES.search(name) else float("inf")


def _require_filled(folder: Path, values: Mapping[str, Any], num_bytes: int) -> None:
    """Refuse a width that would make a matrix far larger than all weights together."""
    most = FREE_SCALARS + SCALARS_PER_BYTE * num_bytes
    sizes = {name: value for name, value in values.items() if isinstance(value, int)}
    for width in filter(sizes.__contains__, _WIDTHS):
        for height in filter(sizes.__contains__, _HEIGHTS):
            if sizes[width] * sizes[height] > most:
                raise _refusal(
                    folder,
                    f"{width} is {sizes[width]:,} and {height} is {sizes[height]:,}",
                    f"Its weights have {num_bytes:,} bytes, which fill no such matrix.",
                )


def _quantised(folder: Path, name: str, value: object) -> UsageError:
    method = value.get("quant_method") if isinstance(value, Mapping) else None
    by = f" by {shortened(method)}" if isinstance(method, str) else ""
    return UsageError(
        f"the weights of the model in {folder} are quantised{by}: its config.json has a {name}",
        allowed="  headstart reads weights in fp32, fp16 and bf16.",
        remedy="  Give the model that was quantised. Where that is gone: load this one with transformers where its "
        "method runs, call its dequantize() and save_pretrained(), and give the new folder.",
    )


def _refusal(folder: Path, said: str, allowed: str) -> UsageError:
    return UsageError(
        f"the configuration of the model in {folder} asks for what is not built: {said}",
        allowed=f"  {allowed}",
        remedy="  Take the model from a place that you trust.",
    )
