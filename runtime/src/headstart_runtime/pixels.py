"""Images to what a network reads of them: resized, cut, and their colours scaled.

Letters: b images, h and w pixels of a column and a row of what the network reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from headstart_runtime.errors import InputError
from headstart_runtime.image_input import FILTERS, ImageInput
from headstart_runtime.images import MOST_PIXELS, ImageError, decode_image, read_file, require_pillow, too_large

if TYPE_CHECKING:
    from PIL.Image import Image

File = str | Path | bytes
"""An image's path, or what its file holds."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """An image as the network sees it: red, green and blue [h, w, 3], 0 to 255."""

    values: npt.NDArray[np.uint8]

    @property
    def length(self) -> int:
        """What a queue sorts by: images are all alike."""
        return 1


class ImageReader:
    """Turns files into images as the network sees them.

    Raises:
        PackageError: if Pillow is missing.
    """

    def __init__(self, image: ImageInput) -> None:
        require_pillow()
        self._image = image

    def read(self, columns: Sequence[Sequence[File]]) -> tuple[list[Pixels], None]:
        """Return the images of a column of files, one for each row.

        Raises:
            InputError: if one of them cannot be read.
        """
        (files,) = columns
        return [self.pixels(file, number) for number, file in enumerate(files)], None

    def pixels(self, file: File, number: int) -> Pixels:
        """Return the image of a row, whose number from 0 is for who is told what is wrong with it.

        Raises:
            InputError: if it cannot be read.
        """
        try:
            return Pixels(
                resized(decode_image(file if isinstance(file, bytes) else read_file(Path(file))), self._image)
            )
        except ImageError as fault:
            name = "" if isinstance(file, bytes) else f" ({file!s:.200})"
            raise InputError(f"images[{number}]{name} {fault}") from fault


def resized(image: Image, wanted: ImageInput) -> npt.NDArray[np.uint8]:
    """Return an image in RGB as [h, w, 3].

    Raises:
        ImageError: if it would have too many pixels in between.
    """
    height, width = wanted.resized or _in_proportion(image, wanted.shorter_edge or 0)
    if height * width > MOST_PIXELS:
        raise too_large()
    return _from_the_middle(np.asarray(image.resize((width, height), FILTERS.index(wanted.resample))), wanted)


def _in_proportion(image: Image, shorter_edge: int) -> tuple[int, int]:
    """Return height and width of an image whose shorter edge has another size."""
    longer_edge = int(shorter_edge * max(image.size) / min(image.size))
    return (longer_edge, shorter_edge) if image.width <= image.height else (shorter_edge, longer_edge)


def _from_the_middle(values: npt.NDArray[np.uint8], wanted: ImageInput) -> npt.NDArray[np.uint8]:
    """Return [h, w, 3] out of the middle of an image; what it lacks is black."""
    found = np.zeros((wanted.height, wanted.width, 3), np.uint8)
    (rows, from_rows), (columns, from_columns) = map(_overlap, values.shape[:2], found.shape[:2])
    found[rows, columns] = values[from_rows, from_columns]
    return found


def _overlap(has: int, wants: int) -> tuple[slice, slice]:
    """Return where `has` pixels go among `wants`, and which of them."""
    begin = (has - wants) // 2
    size = min(has, wants)
    return slice(max(-begin, 0), max(-begin, 0) + size), slice(max(begin, 0), max(begin, 0) + size)


def scaled(images: Sequence[Pixels], wanted: ImageInput) -> npt.NDArray[np.float32]:
    """Return a batch of images as numbers around zero [b, 3, h, w]."""
    # In the order of transformers' steps and in their precisions, so that the last bit is the same.
    factored = (np.arange(256) * wanted.factor).astype(np.float32)
    mean, std = (np.array(values, np.float32)[:, np.newaxis] for values in (wanted.mean, wanted.std))
    by_value = (factored - mean) / std
    values = np.stack([image.values for image in images])
    return np.stack([by_value[colour][values[..., colour]] for colour in range(3)], axis=1)
