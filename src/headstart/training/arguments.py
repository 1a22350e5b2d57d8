"""The option `trainer`: which `TrainingArguments` fields a user may set, and which of them change results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_type_hints

from headstart.errors import UsageError, for_each, unknown_name
from headstart.process_state import process_state_kept
from headstart.registry import parse_scalar
from headstart.training.config import TrainerOverride
from headstart.training.trainer_fields import NEUTRAL

if TYPE_CHECKING:
    from transformers import TrainingArguments

ACCUMULATION = "gradient_accumulation_steps"
CHECKPOINTING, CHECKPOINTING_NOW = "gradient_checkpointing", "activation_checkpointing"
"""One field under the name that every version of transformers knows, and under the one that newer versions ask for."""


def parse_overrides(texts: str | Sequence[str]) -> tuple[TrainerOverride, ...]:
    """Read `KEY=VALUE` and `stage.KEY=VALUE`, one or several, sorted by stage and field.

    Raises:
        UsageErrors: all faults at once: texts without "=", and fields that headstart owns, with the option that sets
            them.
    """
    overrides = for_each([texts] if isinstance(texts, str) else texts, _parse_override)
    return tuple(sorted(overrides, key=lambda override: (override.stage or "", override.field)))


def check_stages(overrides: Sequence[TrainerOverride], stages: Iterable[str]) -> None:
    """Refuse overrides of stages that the call does not plan.

    Raises:
        UsageErrors: all of them at once, with the nearest known stage.
    """
    _require_known("stage", [each.stage for each in overrides if each.stage is not None], tuple(dict.fromkeys(stages)))


def check_fields(overrides: Sequence[TrainerOverride]) -> None:
    """Refuse overrides that `TrainingArguments` would not take; imports transformers if there are any.

    Raises:
        UsageErrors: all fields that it does not have, with the nearest known one, or all values of a wrong type.
        UsageError: if transformers refuses a value, or values together.
    """
    if not overrides:
        return
    from transformers import TrainingArguments

    known = [each.name for each in fields(TrainingArguments)]
    _require_known("TrainingArguments field", [each.field for each in overrides], known)
    hints = get_type_hints(TrainingArguments)
    for_each(overrides, lambda override: _check_type(override, hints[override.field]))
    with process_state_kept():
        for stage in dict.fromkeys(["", *(each.stage for each in overrides if each.stage is not None)]):
            build_arguments({"use_cpu": True} | overrides_for(stage, overrides))


def _check_type(override: TrainerOverride, hint: Any) -> None:
    """Refuse a value of another type than its field's; a text may be written as a number."""
    from pydantic import TypeAdapter, ValidationError

    def fits(value: object) -> bool:
        try:
            TypeAdapter(hint).validate_python(value, strict=True)
        except ValidationError:
            return False
        return True

    if not fits(override.value) and not fits(str(override.value)):
        said = hint.__name__ if isinstance(hint, type) else str(hint)
        raise UsageError(
            f"`trainer` {override.field} was given as {override.value!r}", allowed=f"  It is of type {said}."
        )


def _require_known(what: str, names: Sequence[str], known: Sequence[str]) -> None:
    def check(name: str) -> None:
        if name not in known:
            raise unknown_name(what, name, known)

    for_each(names, check)


def split_neutral(
    overrides: Sequence[TrainerOverride],
) -> tuple[tuple[TrainerOverride, ...], tuple[TrainerOverride, ...]]:
    """Return the overrides that can change results, and those that cannot."""
    changing = tuple(override for override in overrides if override.field not in NEUTRAL)
    neutral = tuple(override for override in overrides if override.field in NEUTRAL)
    return changing, neutral


def overrides_for(stage_name: str, overrides: Sequence[TrainerOverride]) -> dict[str, Any]:
    """Return the fields to set for one stage; an override of this stage wins over one of all stages."""
    chosen = {override.field: override.value for override in overrides if override.stage is None}
    return chosen | {override.field: override.value for override in overrides if override.stage == stage_name}


def accumulated_batches(stage: str | None, overrides: Sequence[TrainerOverride]) -> int:
    """Return how many batches one update of a stage sums gradients over; without a stage's kind, where none is named.

    Raises:
        UsageError: if it is not a whole number from 1 on.
    """
    chosen = overrides_for(stage or "", overrides).get(ACCUMULATION, 1)
    if type(chosen) is not int or chosen < 1:
        raise UsageError(f"`trainer` {ACCUMULATION} was given as {chosen}", allowed="  It is a whole number from 1 on.")
    return chosen


def build_arguments(values: dict[str, Any]) -> TrainingArguments:
    """Return `TrainingArguments` for one device, the current one; what transformers refuses is translated.

    Raises:
        UsageError: if transformers refuses a value.
    """
    import torch
    from transformers import TrainingArguments
    from transformers.utils import import_utils

    if CHECKPOINTING in values and CHECKPOINTING_NOW in {each.name for each in fields(TrainingArguments)}:
        values = values | {CHECKPOINTING_NOW: values[CHECKPOINTING]}
        del values[CHECKPOINTING]
    uses_gpu = torch.cuda.is_available() and not values.get("use_cpu", False)
    device = torch.device("cuda", torch.cuda.current_device()) if uses_gpu else torch.device("cpu")
    # transformers sets TF32 once in a process and remembers that it did; it may have been set back since.
    if (remembered := getattr(import_utils, "enable_tf32", None)) is not None:
        remembered.cache_clear()
    try:
        arguments = TrainingArguments(**values)
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"transformers refuses these training arguments: {error}", remedy="  Change the value given to `trainer`."
        ) from error
    if uses_gpu:
        # transformers takes the first GPU, and splits and multiplies batches over all that it sees.
        torch.cuda.set_device(device)
        arguments._setup_devices = device
        arguments._n_gpu = 1
    return arguments


def _parse_override(text: str) -> TrainerOverride:
    key, has_value, value = text.partition("=")
    stage, has_stage, field = key.strip().rpartition(".")
    if not has_value or not field or (has_stage and not stage):
        raise UsageError(f"cannot read `trainer` {text!r}", allowed="  It is written KEY=VALUE or stage.KEY=VALUE.")
    field = CHECKPOINTING if field == CHECKPOINTING_NOW else field
    return TrainerOverride(field=field, value=parse_scalar(value), stage=stage or None)
