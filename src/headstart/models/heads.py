"""Which parameters are the head, and how a fresh one is drawn.

The head is what loading a checkpoint for this task leaves newly initialised: missing keys and mismatched keys. A
checkpoint that has a head already leaves nothing; then the head is found by the architecture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import nn
from transformers import PreTrainedModel

from headstart.errors import CheckpointError, UsageError, unknown_name
from headstart.seeding import torch_stream

HEAD_MODULES: dict[str, tuple[str, ...]] = {
    "modernbert": ("classifier",),
    "deberta": ("classifier", "pooler"),
    "deberta-v2": ("classifier", "pooler"),
    "distilbert": ("classifier", "pre_classifier"),
    "xlnet": ("logits_proj", "sequence_summary"),
    "bart": ("classification_head",),
    "t5": ("classification_head",),
    "clip": ("classifier",),
    "siglip": ("classifier",),
    "siglip2": ("classifier",),
    "whisper": ("projector", "classifier"),
}
"""Architectures whose head is more or less than all that stands outside the backbone."""

INITIALISED = "_is_hf_initialized"
"""transformers' mark on tensors that its initialisers leave alone."""

LATE_MODULES = ("pooler", "sequence_summary")
"""Modules inside a backbone that many sound checkpoints lack, since their pretraining task does not use them."""


def find_new_head(
    model: PreTrainedModel, missing_keys: Iterable[str], mismatched_keys: Iterable[str]
) -> tuple[str, ...]:
    """Return the names of the head's tensors, given the keys that loading newly initialised.

    A module that is new in part is new as a whole. The architecture's whole head is returned when nothing is new, and
    when the checkpoint has a head of another size.

    Raises:
        CheckpointError: if keys outside every head are new: the checkpoint is damaged, or of another architecture.
    """
    mismatched = set(mismatched_keys)
    keys = {*missing_keys, *mismatched}
    names = list(model.state_dict())
    damaged = sorted(key for key in keys if not may_be_new(model, key))
    if damaged:
        shown = ", ".join(damaged[:5]) + ("" if len(damaged) <= 5 else f" and {len(damaged) - 5} more")
        raise CheckpointError(f"the checkpoint is damaged or of another architecture: it lacks {shown}")
    owners = {key.rpartition(".")[0] for key in keys}
    new = {name for name in names if name in keys or name.rpartition(".")[0] in owners}
    return tuple(sorted(new if new and not mismatched else new.union(architecture_head(model))))


def architecture_head(model: PreTrainedModel) -> tuple[str, ...]:
    """Return the names of the tensors that are this architecture's head: what stands outside the backbone.

    Raises:
        UsageError: if nothing does, or the backbone is not a module of its own.
    """
    outside = [name for name, _ in model.named_children() if name != model.base_model_prefix]
    listed = HEAD_MODULES.get(str(model.config.model_type), ())
    if not listed and not hasattr(model, model.base_model_prefix):
        raise _no_head(model)
    modules = [name for name in outside if name in listed] or outside
    loose = (name for name, _ in model.named_parameters(recurse=False))
    return tuple(sorted((*head_of_modules(model, modules), *loose)))


def head_of_modules(model: PreTrainedModel, modules: Sequence[str]) -> tuple[str, ...]:
    """Return the names of all tensors in the named modules.

    Raises:
        UsageError: if these hold no tensor, or one of them is not in the model.
    """
    known = dict(model.named_modules())
    for module in modules:
        if module not in known:
            raise unknown_name("module of the model", module, [name for name, _ in model.named_children()])
    prefixes = tuple(f"{module}." for module in modules)
    names = tuple(sorted(name for name in model.state_dict() if name.startswith(prefixes)))
    if not names:
        raise _no_head(model)
    return names


def last_linear(model: nn.Module, head_names: Iterable[str]) -> nn.Linear | None:
    """Return the linear map that makes a head's logits; None where another kind of module does."""
    paths = {name.rpartition(".")[0] for name in head_names}
    modules = [module for name, module in model.named_modules() if name in paths]
    return modules[-1] if modules and isinstance(modules[-1], nn.Linear) else None


def _no_head(model: PreTrainedModel) -> UsageError:
    return UsageError(
        f"found no head on a {type(model).__name__}", remedy="  Name the modules that are the head, as head=[...]."
    )


def draw(model: PreTrainedModel, names: Sequence[str], seed: int) -> None:
    """Draw tensors of a head or of whole layers afresh, in place, as the architecture initialises them.

    They are equal at one seed, derived for the stream `head_init` or `layer_init`, whatever the checkpoint held.
    """
    drawn = set(names)
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        setattr(tensor, INITIALISED, name not in drawn)
    owners = sorted({name.rpartition(".")[0] for name in drawn})
    with torch_stream(seed), torch.no_grad():
        for owner in owners:
            module = model.get_submodule(owner)
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
            _drawing_model(model, owner)._init_weights(module)
        # Some architectures draw a part from the module around it: ModernBERT its classifier, T5 its head.
        for around in _enclosing(owners):
            _drawing_model(model, around)._init_weights(model.get_submodule(around))


def _enclosing(paths: Iterable[str]) -> list[str]:
    """Return the paths of all modules around the given ones, the innermost first; the model itself is ""."""
    parents = {".".join(parts[:depth]) for path in paths for parts in [path.split(".")] for depth in range(len(parts))}
    return sorted(parents - set(paths), key=lambda path: (-len(path.split(".")) if path else 0, path))


def _drawing_model(model: PreTrainedModel, path: str) -> PreTrainedModel:
    """Return the innermost pretrained model around a module: it knows how its own parts are initialised."""
    inner: PreTrainedModel = model
    module: nn.Module = model
    for part in filter(None, path.split(".")):
        module = module.get_submodule(part)
        if isinstance(module, PreTrainedModel):
            inner = module
    return inner


def may_be_new(model: PreTrainedModel, key: str) -> bool:
    """Whether a sound checkpoint may lack a tensor: it stands outside the backbone, or in a late part of it."""
    prefix = f"{model.base_model_prefix}."
    if not key.startswith(prefix):
        return True
    return key.removeprefix(prefix).split(".")[0] in LATE_MODULES
