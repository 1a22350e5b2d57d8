"""Which models can be exported, and why the others cannot."""

from __future__ import annotations

from headstart.artifacts.saved_model import SavedModel
from headstart.data.encoding import require_fast
from headstart.errors import UsageError
from headstart.media.modality import Modality
from headstart.models.classifier import HeadstartConfig
from headstart.models.input_limits import input_limits
from headstart.models.processors import ImageProcessor
from headstart.onnx_export.image_steps import image_input


def require_exportable(saved: SavedModel) -> None:
    """Refuse a model that a network of token numbers or of pixels alone cannot stand for.

    Raises:
        UsageError: with what stands in the way, and the way on.
    """
    config = saved.classifier.model.config
    if saved.info.task.modality is Modality.AUDIO:
        raise UsageError(
            "the model reads sounds, and `format` onnx is for models of texts and of images",
            remedy="  Predict with `headstart predict` or headstart.load, or load the folder with transformers.",
        )
    if saved.unmerged is not None:
        raise UsageError(
            f"the adapter {saved.info.adapter} stays beside its pretrained model, and ONNX holds whole models alone",
            remedy="  Train with an adapter that merges into the weights, such as lora.",
        )
    if isinstance(saved.reader, ImageProcessor):
        image_input(saved.reader.processor)
        return
    if saved.info.task.has_spans:
        raise UsageError(
            "the model reads two places in a text, which ONNX is not written for",
            remedy="  Predict with `headstart predict` or headstart.load.",
        )
    if isinstance(config, HeadstartConfig) and config.pair_cut is not None:
        raise UsageError(
            "the head reads the two texts of a pair apart (pair=apart): where it cuts them depends on the tokens, and "
            "an exported network has one form for all of them",
            remedy="  Train with pair=joint, or predict with `headstart predict`.",
        )
    if input_limits(config, saved.info.head).end is not None:
        raise UsageError(
            "the model's own head reads the token that ends texts, which may stand in a text as well",
            remedy="  Train with another `head`, such as linear.",
        )
    require_fast(saved.tokenizer, "`format` onnx")
