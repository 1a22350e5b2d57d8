"""Images from their files, in RGB: of known formats, of a bounded size, with 8 bits a channel.

Files are read as headstart reads them where it trains and predicts.
"""

from __future__ import annotations

import importlib.util
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from headstart_runtime.errors import PackageError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
MOST_BYTES = 1 << 26
"""Of a file, before any of it is read."""
MOST_PIXELS = 89_478_485
"""Pillow's own limit: a quarter of a gibibyte in RGB. A file of a few bytes can unpack to any size."""
MOST_RATIO = 100
"""Of an image's longer side to its shorter one: models make all sides alike, and enlarge the other one with it."""
MORE_BITS = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
"""What Pillow calls images with more than 8 bits a channel; it would clip them."""


class ImageError(ValueError):
    """An image that is not read; the message goes on after its name, as in "is empty"."""


def require_pillow() -> None:
    """Refuse to go on where Pillow is missing.

    Raises:
        PackageError: says how to install it.
    """
    if importlib.util.find_spec("PIL") is None:
        raise PackageError(
            "the model reads images, and Pillow is missing. Install it: pip install 'headstart-runtime[images]'"
        )


def read_file(path: Path) -> bytes:
    """Return the bytes of an image's file.

    Raises:
        ImageError: if there is none, it is no regular file, or too large.
    """
    try:
        if not path.is_file():
            raise ImageError("is no file" if path.exists() else "does not exist")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise ImageError(f"has more than {MOST_BYTES:,} bytes")
    return content


def decode_image(content: bytes) -> Image:
    """Return an image in RGB, turned as its camera says; of a moving one the first frame.

    Raises:
        ImageError: if it is none that is read.
    """
    from PIL import Image, ImageOps

    if not content:
        raise ImageError("is empty")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of metadata that is not read; a size that is too large is refused below.
        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                _require_readable(image)
                ImageOps.exif_transpose(image, in_place=True)
                return image.convert("RGB")
        except (ImageError, MemoryError):
            raise
        except Image.DecompressionBombError as error:
            raise too_large() from error
        except Exception as error:  # Damaged files fail in as many ways as there are formats.
            raise ImageError("is no image that can be read: its content is damaged, or of another format") from error


def _require_readable(image: Image) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise too_large()
    if max(width, height) > MOST_RATIO * min(width, height):
        raise ImageError(f"is more than {MOST_RATIO} times as long as it is wide")
    if image.mode in MORE_BITS:
        raise ImageError("has more than 8 bits a channel; save it with 8")


def too_large() -> ImageError:
    """Return the fault of an image of too many pixels."""
    return ImageError(f"has more than {MOST_PIXELS:,} pixels; make it smaller")
