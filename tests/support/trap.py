"""Model folders with code of their own, which leaves a mark when anybody runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from headstart.manifest import MANIFEST_FILE, write_manifest
from tests.support.tiny import make_checkpoint

CODE = """
from pathlib import Path
from transformers import BertConfig, BertForSequenceClassification, BertModel, BertTokenizer
Path({mark!r}).touch()
class TrapConfig(BertConfig):
    model_type = "trap"
class TrapModel(BertModel):
    config_class = TrapConfig
class TrapClassifier(BertForSequenceClassification):
    config_class = TrapConfig
class TrapTokenizer(BertTokenizer):
    pass
"""
CONFIG_MAP = {
    "AutoConfig": "trap.TrapConfig",
    "AutoModel": "trap.TrapModel",
    "AutoModelForSequenceClassification": "trap.TrapClassifier",
}
TOKENIZER_MAP = {"AutoTokenizer": ["trap.TrapTokenizer", None]}


def set_trap(folder: Path, *, in_config: bool = False, in_tokenizer: bool = False) -> Path:
    """Let a saved model's files need the folder's code, and return the path of the mark that this code leaves."""
    mark = folder.parent / f"{folder.name}-ran"
    (folder / "trap.py").write_text(CODE.format(mark=str(mark)))
    if in_config:
        edit(folder / "config.json", model_type="trap", auto_map=CONFIG_MAP)
    if in_tokenizer:
        words = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
        (folder / "vocab.txt").write_text("\n".join(sorted(words, key=words.__getitem__)))
        (folder / "tokenizer.json").unlink()
        edit(folder / "tokenizer_config.json", tokenizer_class="TrapTokenizer", auto_map=TOKENIZER_MAP)
    if (folder / MANIFEST_FILE).exists():
        write_manifest(folder)  # as a stranger would
    return mark


def name_code_without_need(folder: Path) -> Path:
    """Let files name the folder's code beside an architecture and a tokenizer that transformers has itself."""
    edit(folder / "config.json", auto_map=CONFIG_MAP)
    edit(folder / "tokenizer_config.json", auto_map=TOKENIZER_MAP)
    return set_trap(folder)


def trapped_checkpoint(folder: Path, **where: bool) -> tuple[Path, Path]:
    """Return a tiny BERT that needs its folder's code, and the path of the mark."""
    make_checkpoint(folder, "bert")
    return folder, set_trap(folder, **where)


def copy_of(folder: Path, to: Path) -> Path:
    """Return a copy that may be changed."""
    return Path(shutil.copytree(folder, to))


def edit(path: Path, **values: Any) -> None:
    """Change values of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
