"""Model folders of a stranger: each is a good one in which one thing is meant to harm whoever loads it."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from headstart.manifest import write_manifest
from tests.support.hostile_stores import ESCAPES, NESTED
from tests.support.tiny import make_checkpoint
from tests.support.trap import name_code_without_need, set_trap

Change = Callable[[Path, Path], None]
"""Change a model folder in place; the second folder lies beside it and belongs to somebody else."""


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path(self.path),)  # type: ignore[return-value]


def config(**values: Any) -> Change:
    """Change values of `config.json`."""
    return _edit("config.json", lambda found: found.update(values))


def info(**values: Any) -> Change:
    """Change values of `headstart.json`."""
    return _edit("headstart.json", lambda found: found["info"].update(values))


def task(**values: Any) -> Change:
    """Change values of the task in `headstart.json`."""
    return _edit("headstart.json", lambda found: found["info"]["task"].update(values))


def text(name: str, content: str | bytes) -> Change:
    """Put a content in place of a file."""

    def make(folder: Path, _: Path) -> None:
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        write_manifest(folder)

    return make


def instead(name: str, put: Callable[[Path, Path], object]) -> Change:
    """Put something else in place of a file."""

    def make(folder: Path, outside: Path) -> None:
        (folder / name).unlink()
        put(folder / name, outside)

    return make


def _edit(name: str, change: Callable[[dict[str, Any]], object]) -> Change:
    def make(folder: Path, _: Path) -> None:
        values = json.loads((folder / name).read_text())
        change(values)
        (folder / name).write_text(json.dumps(values))
        write_manifest(folder)

    return make


def tokenizer(**values: Any) -> Change:
    """Change values of `tokenizer.json`."""
    return _edit("tokenizer.json", lambda found: found.update(values))


def _pickled(name: str) -> Change:
    def make(folder: Path, outside: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / name).write_bytes(pickle.dumps(Touch(outside / "executed")))
        write_manifest(folder)

    return make


def _index(place: str) -> Change:
    def make(folder: Path, outside: Path) -> None:
        (folder / "model.safetensors").unlink()
        (outside / "pytorch_model.bin").write_bytes(pickle.dumps(Touch(outside / "executed")))
        names = {"classifier.weight": place.format(outside=outside)}
        content = {"metadata": {"total_size": 1}, "weight_map": names}
        (folder / "model.safetensors.index.json").write_text(json.dumps(content))
        write_manifest(folder)

    return make


def _trap(**where: bool) -> Change:
    def make(folder: Path, _: Path) -> None:
        set_trap(folder, **where)
        write_manifest(folder)

    return make


def _trapped_base(folder: Path, outside: Path) -> None:
    make_checkpoint(outside / "trap", "bert")
    set_trap(outside / "trap", in_config=True)
    info(model=str(outside / "trap"))(folder, outside)


def _code_without_need(folder: Path, _: Path) -> None:
    name_code_without_need(folder)
    write_manifest(folder)


def _adapter_of(model: str) -> Change:
    def make(folder: Path, outside: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / "adapter.safetensors").write_bytes(b"\0" * 16)
        info(model=model)(folder, outside)

    return make


HEADER = {"classifier.weight": {"dtype": "F32", "shape": [1 << 20, 1 << 20], "data_offsets": [0, 1 << 42]}}
HUGE_TENSOR = len(json.dumps(HEADER)).to_bytes(8, "little") + json.dumps(HEADER).encode()

DOUBLE = {"type": "Replace", "pattern": {"Regex": "[a-z]"}, "content": "aa"}
PADDING = {"direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}
TOKEN = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
ENDLESS = {"type": "Split", "pattern": {"Regex": r"(.|.|.|.|.)+[^\s\S]"}, "behavior": "Isolated", "invert": False}

MODELS: dict[str, Change] = {
    "code in the configuration": _trap(in_config=True),
    "code in the tokenizer": _trap(in_tokenizer=True),
    "code without need": _code_without_need,
    "base with code": _trapped_base,
    "pickled weights": _pickled("pytorch_model.bin"),
    "pickled adapter": _pickled("adapter_model.bin"),
    "shard elsewhere": _index("../outside/pytorch_model.bin"),
    "shard by absolute path": _index("{outside}/pytorch_model.bin"),
    "many layers": config(num_hidden_layers=10**7),
    "many words": config(vocab_size=2 * 10**9),
    "wide layers": config(hidden_size=10**6, num_attention_heads=10**6),
    "layers below 0": config(num_hidden_layers=-1),
    "size is a text": config(hidden_size=ESCAPES),
    "dtype by name": config(dtype="os.system"),
    "quantised": config(quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True}),
    "kernel of the hub": config(attn_implementation="stranger/kernel", _attn_implementation="stranger/kernel"),
    "nested configuration": text("config.json", NESTED),
    "nested tokenizer": text("tokenizer.json", NESTED),
    "tokenizer that doubles": tokenizer(normalizer={"type": "Sequence", "normalizers": [DOUBLE] * 40}),
    "tokenizer that pads": tokenizer(padding={**PADDING, "strategy": {"Fixed": 10**10}}),
    "tokenizer of many tokens": tokenizer(added_tokens=[{**TOKEN, "id": n, "content": f"<{n}>"} for n in range(10**6)]),
    "tokenizer without end": tokenizer(pre_tokenizer=ENDLESS),
    "tokenizer without words": text("tokenizer.json", "{}"),
    "nested description": text("headstart.json", NESTED),
    "configuration is a fifo": instead("config.json", lambda path, _: os.mkfifo(path)),
    "configuration is endless": instead("config.json", lambda path, _: path.symlink_to("/dev/zero")),
    "description is a fifo": instead("headstart.json", lambda path, _: os.mkfifo(path)),
    "tokenizer is endless": instead("tokenizer.json", lambda path, _: path.symlink_to("/dev/zero")),
    "weights linked": instead("model.safetensors", lambda path, outside: path.symlink_to(outside / "secret.txt")),
    "header without end": text("model.safetensors", (1 << 62).to_bytes(8, "little") + b"{}"),
    "tensor without end": text("model.safetensors", HUGE_TENSOR),
    "labels with escapes": task(labels=[ESCAPES, "=cmd()"]),
    "labels reversed": task(labels=["good", "bad"]),
    "many labels": task(labels=[str(number) for number in range(100_000)]),
    "text without end": info(max_length=10**12),
    "temperature 0": _edit("headstart.json", lambda found: found["info"]["temperature"].update(value=0.0)),
    "head by class": info(head={"name": "os:system", "options": []}),
    "adapter on the hub": _adapter_of("stranger/model"),
    "attention by name": info(attention="stranger/kernel"),
}
"""By what is wrong with each."""
