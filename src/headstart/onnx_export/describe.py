"""What stands beside an exported network: how it wants its texts, and what its logits mean."""

from __future__ import annotations

from headstart.artifacts.saved_model import SavedModel
from headstart.models.classifier import padding_counts
from headstart_runtime.description import OF_EQUAL_LENGTH, PADDED, Description

THRESHOLD = 0.5
"""Probability from which on a row has a class, where it may have several."""


def describe(saved: SavedModel, inputs: tuple[str, ...], num_ids: int | None, precision: str) -> Description:
    """Return the description of a model's network.

    Args:
        saved: the model.
        inputs: names of the network's.
        num_ids: tokens that it has a vector for; None where it has no table of vectors.
        precision: in which its linear maps are computed, "fp32" or "int8".
    """
    info, task, tokenizer = saved.info, saved.info.task, saved.tokenizer
    labels = task.labels if task.kind.has_classes else ()
    return Description(
        answers=str(task.kind),
        labels=labels,
        thresholds=(THRESHOLD,) * len(labels) if task.kind.takes_several else (),
        temperature=None if info.temperature is None else info.temperature.value,
        num_texts=len(task.text_columns),
        max_length=info.max_length,
        truncation=info.truncation,
        stride=info.stride,
        inputs=inputs,
        padding_id=tokenizer.pad_token_id,
        padding_type_id=tokenizer.pad_token_type_id,
        padding_side=tokenizer.padding_side,
        truncation_side=tokenizer.truncation_side,
        splits_special_tokens=bool(tokenizer.split_special_tokens),
        num_ids=num_ids,
        batches=OF_EQUAL_LENGTH if padding_counts(saved.classifier.model) else PADDED,
        precision=precision,
    )
