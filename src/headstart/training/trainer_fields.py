"""Which fields of `TrainingArguments` the engine owns, which nobody can set, and which change no result."""

from __future__ import annotations

from headstart.errors import UsageError

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

NEUTRAL = frozenset(
    {"logging_strategy", "logging_steps", "logging_first_step", "log_level", "log_level_replica", "log_on_each_node"}
    | {"report_to", "run_name", "project", "include_num_input_tokens_seen", "skip_memory_metrics", "debug"}
    | {"dataloader_num_workers", "dataloader_pin_memory", "dataloader_persistent_workers", "dataloader_prefetch_factor"}
    | {"dataloader_in_order", "dataloader_multiprocessing_context", "torch_empty_cache_steps"}
)
"""Fields that cannot change a result: they stay out of the digest."""


def refuse_owned(field: str) -> None:
    """Refuse a field that the engine sets itself, whoever gave it: the command line, a recipe or a stored experiment.

    Raises:
        UsageError: with the option that says the same, or why nobody can set it.
    """
    reason = FIXED.get(field) or next((why for start, why in FIXED_PREFIXES.items() if field.startswith(start)), None)
    if field in OWNED:
        ours = " or ".join(f"`{name}`" for name in OWNED[field])
        raise UsageError(f"`trainer` {field} is set by headstart itself", remedy=f"  Give {ours} instead.")
    if reason is not None:
        raise UsageError(f"`trainer` {field} is set by headstart itself: {reason}", remedy="  Leave it out.")
