"""The option `trainer`: which `TrainingArguments` fields a user may set, and which of them change results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_type_hints

from headstart.errors import UsageError, for_each, unknown_name
from headstart.process_state import product_precision_kept
from headstart.registry import parse_scalar
from headstart.training.config import TrainerOverride

if TYPE_CHECKING:
    from transformers import TrainingArguments

OWNED = {
    "output_dir": ("out", "store"),
    "seed": ("seed",),
    "data_seed": ("seed",),
    "max_steps": ("steps",),
    "num_train_epochs": ("epochs",),
    "per_device_train_batch_size": ("batch_size",),
    "learning_rate": ("learning_rate",),
    "bf16": ("precision",),
    "fp16": ("precision",),
    "warmup_steps": ("preset",),
    "lr_scheduler_type": ("preset",),
    "lr_scheduler_kwargs": ("preset",),
    "auto_find_batch_size": ("batch_size",),
    "disable_tqdm": ("quiet",),
    "label_smoothing_factor": ("label_smoothing",),
    "use_cpu": ("device",),
}
"""Fields that the engine sets itself, and the options of ours that say the same."""

FIXED = {
    "train_sampling_strategy": "batches are bucketed by length, in an order drawn from the seed",
    "length_column_name": "lengths are known",
    "dataloader_drop_last": "every row is trained on",
    "remove_unused_columns": "the columns are headstart's own",
    "label_names": "the task knows its labels",
    "ignore_data_skip": "a resumed run is bit-identical",
    "resume_from_checkpoint": "calling again resumes",
    "restore_callback_states_from_checkpoint": "calling again resumes",
    "logging_nan_inf_filter": "a loss that is not finite ends the run as diverged",
    "full_determinism": "see docs/guides/reproducibility.md",
    **dict.fromkeys(
        ("local_rank", "deepspeed", "fsdp", "fsdp_config", "parallelism_config", "accelerator_config"),
        "one process trains a run",
    ),
}
"""Fields that the engine sets itself and nobody else can, and why."""

FIXED_PREFIXES = {
    "eval_": "a stage is evaluated at its end",
    "per_device_eval": "evaluation does not depend on the batch size",
    "save_": "checkpoints are spaced by time",
    "load_best_": "the last step is reported, nothing is chosen",
    "metric_for_best": "the last step is reported, nothing is chosen",
    "greater_is_better": "the last step is reported, nothing is chosen",
    "push_to_hub": "export, then upload the folder",
    "hub_": "export, then upload the folder",
    "do_": "the verb says what is done",
    "bf16_full_eval": "evaluation is in fp32",
    "fp16_full_eval": "evaluation is in fp32",
    "ddp_": "one process trains a run",
}

ACCUMULATION = "gradient_accumulation_steps"
CHECKPOINTING, CHECKPOINTING_NOW = "gradient_checkpointing", "activation_checkpointing"
"""One field under the name that every version of transformers knows, and under the one that newer versions ask for."""

NEUTRAL = frozenset(
    {"logging_strategy", "logging_steps", "logging_first_step", "log_level", "log_level_replica", "log_on_each_node"}
    | {"report_to", "run_name", "project", "include_num_input_tokens_seen", "skip_memory_metrics", "debug"}
    | {"dataloader_num_workers", "dataloader_pin_memory", "dataloader_persistent_workers", "dataloader_prefetch_factor"}
    | {"dataloader_in_order", "dataloader_multiprocessing_context", "torch_empty_cache_steps"}
)
"""Fields that cannot change a result: they stay out of the digest."""


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
    with product_precision_kept():
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
    _refuse_owned(field)
    field = CHECKPOINTING if field == CHECKPOINTING_NOW else field
    return TrainerOverride(field=field, value=parse_scalar(value), stage=stage or None)


def _refuse_owned(field: str) -> None:
    reason = FIXED.get(field) or next((why for start, why in FIXED_PREFIXES.items() if field.startswith(start)), None)
    if field in OWNED:
        ours = " or ".join(f"`{name}`" for name in OWNED[field])
        raise UsageError(f"`trainer` {field} is set by headstart itself", remedy=f"  Give {ours} instead.")
    if reason is not None:
        raise UsageError(f"`trainer` {field} is set by headstart itself: {reason}", remedy="  Leave it out.")
