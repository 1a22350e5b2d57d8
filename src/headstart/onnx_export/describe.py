"""What stands beside an exported network: how it wants its texts or images, and what its logits mean."""

from __future__ import annotations

from headstart.artifacts.saved_model import SavedModel
from headstart.models.classifier import padding_counts
from headstart.models.processors import ImageProcessor
from headstart.onnx_export.image_steps import image_input
from headstart.stats.thresholds import HALF
from headstart_runtime.description import Description
from headstart_runtime.text_input import OF_EQUAL_LENGTH, PADDED, TextInput


def describe(saved: SavedModel, inputs: tuple[str, ...], num_ids: int | None, precision: str) -> Description:
    """Return the description of a model's network.

    Args:
        saved: the model.
        inputs: names of the network's.
        num_ids: tokens that it has a vector for; None where it has no table of vectors, and for images.
        precision: in which its linear maps are computed, "fp32" or "int8".
    """
    info, task = saved.info, saved.info.task
    labels = task.labels if task.kind.has_classes else ()
    return Description(
        answers=str(task.kind),
        labels=labels,
        thresholds=info.decides_from or ((HALF,) * len(labels) if task.kind.takes_several else ()),
        temperature=None if info.temperature is None else info.temperature.value,
        precision=precision,
        reads=(
            image_input(saved.reader.processor)
            if isinstance(saved.reader, ImageProcessor)
            else _text_input(saved, inputs, num_ids)
        ),
    )


def _text_input(saved: SavedModel, inputs: tuple[str, ...], num_ids: int | None) -> TextInput:
    info, tokenizer = saved.info, saved.tokenizer
    return TextInput(
        num_texts=len(info.task.text_columns),
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
    )
