"""The model that a person has in hand: unwrapped or refused, copied, and its head found."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel
from transformers import PreTrainedModel

import headstart
from headstart.errors import UsageError, unknown_name
from headstart.models.classifier import HeadstartForSequenceClassification
from headstart.models.heads import architecture_head, head_of_modules
from headstart.models.live_heads import at_the_end, find_live_head, modules_of, new_at_the_end
from headstart.pretraining.live_rows import LABEL_COLUMNS
from headstart.pretraining.plain_module import INSIDE, PlainModule

PACKAGE = Path(headstart.__file__).parent

REFUSED_WRAPPERS = {
    "PeftModel": "  Give the model before peft wraps it, and wrap it afterwards: its head is trained by then.",
    "FullyShardedDataParallel": "  Give the model before it is sharded.",
    "FSDPModule": "  Give the model before it is sharded.",
    "DeepSpeedEngine": "  Give the model before DeepSpeed wraps it.",
    "Pipeline": "  Give its model: pipeline.model.",
}
"""Classes by name, since their packages may not be there, and what to give instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveModel:
    """A person's model and the copy of it that is trained.

    Attributes:
        given: the person's own model, without what was wrapped around it.
        private: a copy in fp32.
        inputs: what the forward pass takes, labels apart.
        main_input: the one that it cannot do without.
    """

    given: nn.Module
    private: PreTrainedModel
    inputs: frozenset[str]
    main_input: str

    def own_name(self, name: str) -> str:
        """Return what a tensor of the copy is called in the person's model."""
        return name.removeprefix(f"{INSIDE}.") if isinstance(self.private, PlainModule) else name

    def name_in_copy(self, name: str) -> str:
        """Return what a tensor or module of the person's model is called in the copy."""
        return f"{INSIDE}.{name}" if isinstance(self.private, PlainModule) else name


def live_model(model: Any, backbone: str | None) -> LiveModel:
    """Look at a person's model and copy it.

    Args:
        model: a classifier of transformers, or a module with a pretrained backbone inside.
        backbone: path of the backbone in it; None finds it.

    Raises:
        UsageError: if it is something else, or cannot be copied.
    """
    given = _unwrapped(model)
    _refuse_unusable(given)
    parameters = inspect.signature(given.forward).parameters
    inputs = {name for name, each in parameters.items() if each.kind is not inspect.Parameter.VAR_POSITIONAL}
    labels = parameters.get("labels")
    is_whole = _is_whole(given) and backbone in (None, getattr(given, "base_model_prefix", None))
    is_plain = not is_whole or labels is None
    if is_whole and is_plain:
        backbone = str(given.base_model_prefix)
    path = _backbone_of(given, backbone) if is_plain else ""
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        inputs |= set(inspect.signature(given.get_submodule(path).forward).parameters)
    private = _copied(given)
    if is_plain:
        private = PlainModule(private, path, reads_labels=labels is not None and labels.default is labels.empty)
    return LiveModel(
        given=given,
        private=private.float(),
        inputs=frozenset(inputs - {*LABEL_COLUMNS}),
        main_input=_main_input(private, parameters),
    )


def head_of(live: LiveModel, named: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names in the copy of the tensors that are taken for the head; a person's own word is final.

    Warns where nothing tells whether more is new than what stands outside the backbone, or where a person's word leaves
    something new out.

    Raises:
        UsageError: if no head is found, or a module is not in the model.
    """
    if named is not None:
        modules = [named] if isinstance(named, str) else list(named)
        names = _named_head(live, modules)
        new = new_at_the_end(live.private) if not isinstance(live.private, PlainModule) else ()
        if left_out := sorted(set(new or ()) - set(names)):
            _warn(
                f"`head` leaves out what is as new as the head: {_said(live, left_out)}. It stays as it was drawn; "
                "name it in `head` to train it."
            )
        return names
    if isinstance(live.private, HeadstartForSequenceClassification):
        return architecture_head(live.private)
    if isinstance(live.private, PlainModule):
        return _around_backbone(live, live.private)
    head = find_live_head(live.private)
    if not head.is_from_checkpoint:
        _warn(
            f"found no checkpoint that says what is new in this {type(live.given).__name__}: "
            f"{_said(live, head.names)} is taken for its head. If more is new, name all of it: head=[...]."
        )
    return head.names


def _said(live: LiveModel, names: Sequence[str]) -> str:
    return ", ".join(live.own_name(module) for module in modules_of(names))


def _warn(message: str) -> None:
    # The line that is named is the one that called `pretrain_head`.
    own = sum(frame.filename.startswith(str(PACKAGE)) for frame in inspect.stack(context=0))
    warnings.warn(message, UserWarning, stacklevel=own + 1)


def _main_input(private: PreTrainedModel, parameters: Mapping[str, inspect.Parameter]) -> str:
    """Return what a model reads: what its backbone does, or the first that the forward pass of a person's own takes."""
    usual = str(getattr(private.base_model, "main_input_name", "input_ids"))
    named = [name for name, each in parameters.items() if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    is_renamed = isinstance(private, PlainModule) and named and usual not in named
    own = [name for name in named if name not in LABEL_COLUMNS]
    return own[0] if is_renamed and own else usual


def _unwrapped(model: Any) -> nn.Module:
    """Return the model inside what PyTorch wraps around one."""
    while True:
        if isinstance(model, DataParallel | DistributedDataParallel):
            model = model.module
        elif hasattr(model, "_orig_mod"):
            model = model._orig_mod
        else:
            break
    for kind in type(model).__mro__:
        if kind.__name__ in REFUSED_WRAPPERS:
            raise UsageError(
                f"the model is a {type(model).__name__}: what was added to it would take part in training its head",
                allowed="  It is a classifier of transformers, or a module with a pretrained backbone inside.",
                remedy=REFUSED_WRAPPERS[kind.__name__],
            )
    if not isinstance(model, nn.Module):
        raise UsageError(
            f"the model is of type {type(model).__name__}",
            allowed="  It is a classifier of transformers, or a module with a pretrained backbone inside.",
            remedy="  Load it: AutoModelForSequenceClassification.from_pretrained(name, num_labels=...).",
        )
    return model


def _refuse_unusable(model: nn.Module) -> None:
    if getattr(model, "is_quantized", False):
        raise UsageError(
            "the model's weights are quantised, and a copy of them in fp32 cannot be made",
            remedy="  Train the head before quantising: load the model without a quantization_config.",
        )
    for name, tensor in model.state_dict(keep_vars=True).items():
        if tensor.is_meta:
            raise UsageError(
                f"the model's tensor {name} is not in memory",
                remedy="  Load the model without offloading, and with weights.",
            )
        if tensor.is_inference():
            raise UsageError(
                "the model was made inside torch.inference_mode(), so that it cannot be trained",
                remedy="  Load it outside; torch.no_grad() does no harm.",
            )


def _is_whole(model: nn.Module) -> bool:
    """Whether a model is one of transformers' own kind, which says itself what is its backbone."""
    if not isinstance(model, PreTrainedModel):
        return False
    try:
        architecture_head(model)
    except UsageError:
        return not _pretrained_inside(model)
    return True


def _pretrained_inside(model: nn.Module) -> list[str]:
    """Return the paths of pretrained models inside a module, without those inside one another."""
    found: list[str] = []
    for path, module in model.named_modules():
        inside = any(path.startswith(f"{outer}.") for outer in found)
        if path and isinstance(module, PreTrainedModel) and not inside:
            found.append(path)
    return found


def _backbone_of(model: nn.Module, named: str | None) -> str:
    found = _pretrained_inside(model)
    if named is None:
        if len(found) == 1:
            return found[0]
        raise UsageError(
            f"found {len(found) or 'no'} pretrained models inside this {type(model).__name__}"
            + (f": {', '.join(found)}" if found else ""),
            allowed="  One of them is the backbone; it is a model of transformers.",
            remedy='  Name it: pretrain_head(model, rows, backbone="encoder", head="classifier").',
        )
    modules = dict(model.named_modules())
    if named not in modules:
        raise unknown_name("module of the model", named, found or [name for name, _ in model.named_children()])
    if not isinstance(modules[named], PreTrainedModel):
        raise UsageError(
            f"`backbone` is {named!r}, which is a {type(modules[named]).__name__}",
            allowed=f"  It is a model of transformers: {', '.join(found) or 'none is inside'}.",
        )
    return named


def _copied(model: nn.Module) -> Any:
    try:
        return copy.deepcopy(model)
    except (TypeError, RuntimeError, NotImplementedError, AttributeError) as error:
        raise UsageError(
            f"the model cannot be copied: {error}",
            remedy="  Take out what cannot, such as open files, locks, or hooks that hold them.",
        ) from error


def _named_head(live: LiveModel, modules: Sequence[str]) -> tuple[str, ...]:
    known = [name for name, _ in live.given.named_modules()]
    for module in modules:
        if module not in known:
            raise unknown_name("module of the model", module, [name for name, _ in live.given.named_children()])
    return head_of_modules(live.private, [live.name_in_copy(module) for module in modules])


def _around_backbone(live: LiveModel, model: PlainModule) -> tuple[str, ...]:
    """Return what stands around a backbone, and what of its late parts its own checkpoint did not hold."""
    prefix = f"{model.base_model_prefix}."
    backbone: Any = model.base_model
    around = tuple(name for name in model.state_dict() if not name.startswith(prefix))
    if not set(around) & {name for name, _ in model.named_parameters()}:
        raise UsageError(
            "found no head: nothing around the backbone has parameters",
            remedy="  Name the modules that are the head, as head=[...].",
        )
    late = new_at_the_end(backbone)
    if late is None and any(at_the_end(backbone, name) for name in backbone.state_dict()):
        _warn(
            f"found no checkpoint that says what is new in the backbone {live.own_name(model.base_model_prefix)}: "
            f"{_said(live, around)} is taken for the head. If more is new, name all of it: head=[...]."
        )
    return tuple(sorted([*around, *(f"{prefix}{name}" for name in late or ())]))
