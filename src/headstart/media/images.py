"""Images from their files: of known formats, of a bounded size, with 8 bits a channel."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

from headstart.media.faults import MediaError, require_package

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
MOST_PIXELS = 89_478_485
"""Pillow's own limit: a quarter of a gibibyte in RGB. A file of a few bytes can unpack to any size."""
MOST_RATIO = 100
"""Of an image's longer side to its shorter one: models make all sides alike, and enlarge the other one with it."""
MORE_BITS = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
"""What Pillow calls images with more than 8 bits a channel; it would clip them."""


def decode_image(content: bytes) -> Image:
    """Return an image in RGB, turned as its camera says; of a moving one the first frame.

    Raises:
        MediaError: if it is none that is read.
        UsageError: if Pillow is missing.
    """
    require_package("PIL", "images")
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of metadata that is not read; a size that is too large is refused below.
        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                _require_readable(image)
                ImageOps.exif_transpose(image, in_place=True)
                return image.convert("RGB")
        except (MediaError, MemoryError):
            raise
        except Image.DecompressionBombError as error:
            raise _too_large() from error
        except Exception as error:  # Damaged files fail in as many ways as there are formats.
            raise MediaError("is no image that can be read: its content is damaged, or of another format") from error


def _require_readable(image: Image) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise _too_large()
    if max(width, height) > MOST_RATIO * min(width, height):
        raise MediaError(f"is more than {MOST_RATIO} times as long as it is wide")
    if image.mode in MORE_BITS:
        raise MediaError("has more than 8 bits a channel; save it with 8")


def _too_large() -> MediaError:
    return MediaError(f"has more than {MOST_PIXELS:,} pixels; make it smaller")
