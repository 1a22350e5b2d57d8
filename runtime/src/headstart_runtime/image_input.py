"""How a model wants its images: the part `image` of `headstart_runtime.json`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from headstart_runtime.errors import FolderError
from headstart_runtime.json_checks import Fields, as_json, checked, list_of, number, one_of, or_none, whole

PIXEL_VALUES = "pixel_values"
"""The name of the network's input."""
FILTERS = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")
"""Ways to resize, as Pillow numbers them from 0."""
MOST_SIDE, MOST_AREA = 4096, 1 << 20
"""Pixels of a side, and of what the network reads of an image."""
MOST_SCALE = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInput:
    """What a network reads of an image, and how its file becomes that.

    An image in RGB is resized, then cut out of its middle, or surrounded with black where it is smaller. Each colour's
    values, 0 to 255, become `(value * factor - mean) / std`.

    Attributes:
        height: of what the network reads, in pixels; `width`.
        shorter_edge: pixels that the shorter edge is resized to, the longer one in proportion; None where both have a
            size of their own.
        resized: height and width that an image is resized to; None where the shorter edge decides.
        resample: by which filter.
        factor: of a colour's values.
        mean: of each colour, red, green and blue; `std`.
    """

    height: int
    width: int
    shorter_edge: int | None
    resized: tuple[int, int] | None
    resample: str
    factor: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object that `read_image_input` reads."""
        return as_json(asdict(self))


def read_image_input(values: Any) -> ImageInput:
    """Return what a JSON object says.

    Raises:
        FolderError: if a field is missing, unknown, or of a value that none can have.
    """
    made = ImageInput(**checked(values, FIELDS, "image"))
    if made.height * made.width > MOST_AREA:
        raise FolderError(f"headstart_runtime.json: an image of more than {MOST_AREA:,} pixels is not read")
    if (made.shorter_edge is None) == (made.resized is None):
        raise FolderError("headstart_runtime.json: either shorter_edge or resized says how an image is resized")
    return made


FIELDS: Fields = {
    "height": whole(1, MOST_SIDE),
    "width": whole(1, MOST_SIDE),
    "shorter_edge": or_none(whole(1, MOST_SIDE)),
    "resized": or_none(list_of(whole(1, MOST_SIDE), 2)),
    "resample": one_of(*FILTERS),
    "factor": number(lambda value: 0 < value <= MOST_SCALE),
    "mean": list_of(number(lambda value: abs(value) <= MOST_SCALE), 3),
    "std": list_of(number(lambda value: 1 / MOST_SCALE <= value <= MOST_SCALE), 3),
}
"""Each field, and what it may be."""
