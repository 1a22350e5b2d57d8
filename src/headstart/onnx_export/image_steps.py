"""The steps of an image processor of transformers, as numbers that headstart-runtime follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from transformers import BaseImageProcessor
from transformers.image_processing_backends import PilBackend

from headstart.errors import UsageError
from headstart_runtime.errors import FolderError
from headstart_runtime.image_input import FILTERS, ImageInput, read_image_input

STEPS = (
    *("preprocess", "_preprocess_image_like_inputs", "_preprocess", "process_image", "convert_to_rgb"),
    *("resize", "center_crop", "rescale", "normalize", "pad"),
)
"""Methods of a processor; one that has its own does something else than the others."""
CONVNEXT = "ConvNextImageProcessorPil"
KNOWN = (CONVNEXT, "BeitImageProcessorPil")
"""Processors of transformers with methods of their own that are followed here; to import them takes Pillow."""
WARPED_EDGE = 384
"""From this edge on a ConvNeXt's images are not cut: both edges are resized to it."""
BLACK, WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def image_input(processor: BaseImageProcessor) -> ImageInput:
    """Return what a processor makes of an image.

    Raises:
        UsageError: if it does anything that headstart-runtime does not, leaves images at different sizes, or has values
            that its class cannot follow.
    """
    try:
        return read_image_input(_as_numbers(processor).to_json())  # in the bounds that it will be held to
    except (FolderError, TypeError, ValueError, ArithmeticError) as error:  # a null, a word, a division by zero
        raise _refusal(processor, f"asks for what is not read ({error})") from error


def _as_numbers(processor: BaseImageProcessor) -> ImageInput:
    """Return what a processor says, whatever its values are."""
    if what := next(_unknown_steps(processor), None):
        raise _refusal(processor, what)
    values: Any = processor
    size, crop = _sizes(values.size), _sizes(values.crop_size) if values.do_center_crop else {}
    if type(processor).__name__ == CONVNEXT:
        edge = size.get("shortest_edge", 0)
        square = {"height": edge, "width": edge}
        if edge >= WARPED_EDGE:
            size = square
        elif crop:
            raise _refusal(processor, "cuts images twice")
        else:
            size, crop = {"shortest_edge": int(edge / values.crop_pct)}, square
    read = crop or size
    if read.keys() != {"height", "width"}:
        raise _refusal(processor, "leaves images at different sizes")
    shorter_edge = size.get("shortest_edge")
    return ImageInput(
        height=read["height"],
        width=read["width"],
        shorter_edge=shorter_edge,
        resized=(size["height"], size["width"]) if shorter_edge is None else None,
        resample=FILTERS[int(values.resample)],
        factor=float(values.rescale_factor) if values.do_rescale else 1.0,
        mean=_of_colours(values.image_mean) if values.do_normalize else BLACK,
        std=_of_colours(values.image_std) if values.do_normalize else WHITE,
    )


def _unknown_steps(processor: BaseImageProcessor) -> Iterator[str]:
    """Yield what a processor does that is not followed here."""
    if not isinstance(processor, PilBackend):
        yield "does not compute with Pillow"
        return
    if type(processor).__name__ not in KNOWN:
        for name in STEPS:
            if getattr(type(processor), name) is not getattr(PilBackend, name):
                yield f"has a step of its own, `{name}`"
    values: Any = processor
    if values.do_pad:
        yield "fills images up to a size (do_pad)"
    if not values.do_resize:
        yield "does not resize images (do_resize)"
    elif _sizes(values.size).keys() not in ({"height", "width"}, {"shortest_edge"}):
        yield f"resizes images by {', '.join(sorted(_sizes(values.size)))}"
    if int(values.resample if values.resample is not None else -1) not in range(len(FILTERS)):
        yield "resizes by a filter that is not known (resample)"


def _sizes(size: Any) -> dict[str, int]:
    """Return the sizes that a processor names, in pixels."""
    given: Mapping[str, Any] = size if isinstance(size, Mapping) else vars(size)
    return {name: int(value) for name, value in given.items() if value is not None}


def _of_colours(values: Any) -> tuple[float, float, float]:
    """Return a number for each colour, where one may stand for all."""
    red, green, blue = map(float, values if isinstance(values, list | tuple) else (values,) * 3)
    return red, green, blue


def _refusal(processor: BaseImageProcessor, what: str) -> UsageError:
    return UsageError(
        f"the model's image processor ({type(processor).__name__.removesuffix('Pil')}) {what}, which `format` onnx is "
        "not written for",
        remedy="  Predict with `headstart predict` or headstart.load.",
    )
