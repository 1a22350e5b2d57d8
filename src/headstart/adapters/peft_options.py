"""The options of peft's types, checked against the fields of their configurations."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Literal

from peft import PeftConfig
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from peft.utils import PeftType

from headstart.errors import UsageError, unknown_name
from headstart.registry import Scalar

NOT_OPTIONS = {
    # Where it goes and what trains beside it are decided here: never the head, the embeddings or plain biases.
    *("target_modules", "exclude_modules", "target_parameters", "feedforward_modules", "modules_to_save", "bias"),
    *("layers_to_transform", "layers_pattern", "trainable_token_indices", "ensure_weight_tying"),
    # Read off the modules, or the stage.
    *("fan_in_fan_out", "total_step"),
    # For other libraries' models, for inference, or for what is not stored here.
    *("megatron_core", "use_qalora", "qalora_group_size", "runtime_offload_base_weight", "progressbar"),
    *("save_projection", "save_indices", "save_only_topk_weights", "save_precomputed_indices", "sample_at_inference"),
}
WITHOUT_EFFECT = {
    "ADALORA": {"r", "init_lora_weights", "use_dora", "use_rslora", "lora_bias"},
    # Its search for subspaces needs a callback of peft's in the training loop.
    "ADAMSS": {"use_asa", "asa_target_subspaces", "init_warmup", "final_warmup", "mask_interval"}
    | {"asa_importance_beta", "asa_uncertainty_beta", "asa_schedule_exponent"},
    "LOHA": {"use_effective_conv2d"},
    "LOKR": {"use_effective_conv2d"},
}
"""Fields of a configuration that would change nothing here."""

BY_DATA = {"eva", "corda", "loftq", "lora_ga", "pissa_niter_[number of iters]"}
"""Ways to begin that need data, which an adapter here does not see before it trains, and a pattern of words."""

ONLY: dict[tuple[str, str], tuple[Scalar, ...]] = {
    # Any other word, and false, leave memory as it was found.
    ("TINYLORA", "init_weights"): (True, "uniform"),
}
"""Options whose values are fewer than their kind says, by type and option."""

NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}


@cache
def options_of(peft_type: str) -> dict[str, tuple[type | str, ...]]:
    """Return what each option of a type may be: kinds of values, and words."""
    config = PEFT_TYPE_TO_CONFIG_MAPPING[PeftType(peft_type)]
    hints = typing.get_type_hints(config)
    general = {field.name for field in dataclasses.fields(PeftConfig)}
    allowed = {
        field.name: tuple(dict.fromkeys(_allowed(hints[field.name])))
        for field in dataclasses.fields(config)
        if field.name not in general | NOT_OPTIONS | WITHOUT_EFFECT.get(peft_type, set())
    }
    return {name: kinds for name, kinds in allowed.items() if kinds}


def check_options(adapter: str, peft_type: str, options: Mapping[str, Scalar], others: Iterable[str] = ()) -> None:
    """Hold options to the fields of a type's configuration; `others` are known beside these.

    Raises:
        UsageError: if one is unknown or of the wrong kind.
    """
    known = options_of(peft_type)
    for option, value in options.items():
        if option not in known:
            raise unknown_name(f"option of adapter {adapter!r}", option, (*known, *others))
        only = ONLY.get((peft_type, option))
        if value not in only if only else not _fits(value, known[option]):
            kinds = [NAMES[kind] if isinstance(kind, type) else repr(kind) for kind in known[option]]
            raise UsageError(
                f"option {option!r} of adapter {adapter!r} was given as {value!r}",
                allowed=f"  It is {' or '.join(map(_written, only) if only else kinds)}.",
            )


def peft_types() -> tuple[str, ...]:
    """Return all types that the installed peft has, sorted."""
    return tuple(sorted(member.value for member in PEFT_TYPE_TO_CONFIG_MAPPING))


def _allowed(hint: Any) -> list[type | str]:
    origin = typing.get_origin(hint)
    if origin is Literal:
        return [word for word in typing.get_args(hint) if isinstance(word, str) and word not in BY_DATA]
    if origin in (typing.Union, types.UnionType):
        return [kind for part in typing.get_args(hint) for kind in _allowed(part)]
    return [hint] if hint in NAMES else []


def _written(value: Scalar) -> str:
    """Return a value as it is written in an option."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _fits(value: Scalar, allowed: tuple[type | str, ...]) -> bool:
    if type(value) in allowed or (type(value) is int and float in allowed):
        return True
    return isinstance(value, str) and value in allowed
