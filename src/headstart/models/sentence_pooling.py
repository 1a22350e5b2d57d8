"""What a checkpoint says of itself: which vector stands for a text, and what follows that vector.

Folders of sentence-transformers say it in `modules.json` and in the pooling module's own `config.json`. Up to release 5
that file has a flag for each way to pool, from release 6 on a name or a list of names, whose vectors are joined in
the list's order.

Source: the code of sentence-transformers, `SentenceTransformer.load` and `Pooling`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headstart.errors import CheckpointError
from headstart.models.classifier import configuration_of_backbone, design_of
from headstart.models.loading import load_config
from headstart.models.own_checkpoints import own_config
from headstart.models.own_heads import BY_ARCHITECTURE, own_head
from headstart.models.pooling import JOIN, Pooling, default_pooling, read_poolings
from headstart.models.source import ModelSource
from headstart.registry import Spec
from headstart.safe_files import read_json_value

MODULES, POOLING_CONFIG = "modules.json", "config.json"
MODES = {
    "cls": Pooling.FIRST,
    "max": Pooling.MAX,
    "mean": Pooling.MEAN,
    "mean_sqrt_len_tokens": Pooling.MEAN_SQRT,
    "weightedmean": Pooling.WEIGHTED_MEAN,
    "lasttoken": Pooling.LAST,
}
"""Ways to pool by their names."""

FLAGS = {
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "mean": "pooling_mode_mean_tokens",
    "mean_sqrt_len_tokens": "pooling_mode_mean_sqrt_len_tokens",
    "weightedmean": "pooling_mode_weightedmean_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}
"""The flags that meant the same up to release 5, in the order in which their vectors are joined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentencePooling:
    """What a sentence encoder's folder says.

    Attributes:
        poolings: whose vectors, joined, stand for a text.
        following: modules behind the pooling, such as "Dense" and "Normalize", by the names of their classes. Heads of
            ours read the vectors before these: a length of 1 takes from a head what the length says, and a dense map
            serves to compare texts.
    """

    poolings: tuple[Pooling, ...]
    following: tuple[str, ...] = ()

    @property
    def option(self) -> str:
        """The poolings as the head's option has them, such as "mean+max"."""
        return JOIN.join(self.poolings)


def sentence_pooling(folder: Path) -> SentencePooling | None:
    """Return what a checkpoint's folder says of the vector of a text; None where it says nothing.

    Raises:
        CheckpointError: if a file is no JSON of the expected form, or names a way to pool that is unknown.
    """
    path = folder / MODULES
    if not path.is_file():
        return None
    modules = _read(path)
    if not isinstance(modules, list) or not all(isinstance(each, dict) for each in modules):
        raise CheckpointError(f"{path} is not a list of modules")
    names = [str(each.get("type", "")).rpartition(".")[2] for each in modules]
    if "Pooling" not in names:
        return None
    place = names.index("Pooling")
    config = folder / str(modules[place].get("path", "")) / POOLING_CONFIG
    # A path that leads out of the folder is nothing that a checkpoint has to say.
    if not config.resolve().is_relative_to(folder.resolve()) or not config.is_file():
        return None
    return SentencePooling(poolings=_poolings(config), following=tuple(names[place + 1 :]))


def said_pooling(source: ModelSource) -> SentencePooling | None:
    """Return what a checkpoint says of the vector of a text; a folder with a head of ours says what that head reads.

    Raises:
        UsageError: if transformers does not know the architecture.
        CheckpointError: if the folder's files say something that is unknown here.
    """
    own = own_config(source)
    if own is None:
        return sentence_pooling(source.path)
    design = design_of(own).on(configuration_of_backbone(own))
    return SentencePooling(poolings=read_poolings(design.pooling))


def as_checkpoint_says(head: Spec, source: ModelSource) -> Spec:
    """Return a head with the pooling that the checkpoint says, where that was left open and is not the architecture's.

    Raises:
        UsageError: if the head is unknown or transformers does not know the architecture.
        CheckpointError: if the folder's files say something that is unknown here.
    """
    design = own_head(head)
    if design is None or design.pooling != BY_ARCHITECTURE:
        return head
    said = said_pooling(source)
    if said is None or said.poolings == (default_pooling(load_config(source)),):
        return head
    others = tuple(option for option in head.options if option[0] != "pooling")
    return replace(head, options=(*others, ("pooling", said.option)))


def _poolings(path: Path) -> tuple[Pooling, ...]:
    """Return the ways to pool that a pooling module's file names; the mean where it names none."""
    values = _read(path)
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} is not an object of JSON")
    given = values.get("pooling_mode") or [name for name, flag in FLAGS.items() if values.get(flag)]
    names = [given] if isinstance(given, str) else list(given)
    unknown = [name for name in map(str, names) if name not in MODES]
    if unknown:
        raise CheckpointError(f"{path} names a way to pool that is unknown here: {unknown[0]!r}")
    return tuple(dict.fromkeys(MODES[name] for name in names)) or (Pooling.MEAN,)


def _read(path: Path) -> Any:
    try:
        return read_json_value(path)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
