"""Images are what Pillow says they are; files that are none, or too much, are refused by what is wrong with them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from headstart.media import images
from headstart.media.faults import MediaError
from headstart.media.images import MOST_PIXELS, decode_image
from headstart.media.media_file import MOST_BYTES
from headstart.media.modality import Modality
from tests.support.media_files import png_that_says


def as_file(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)  # type: ignore[arg-type]  # options of the format
    return file.getvalue()


def noise(width: int = 7, height: int = 5) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("format", ["PNG", "BMP", "GIF", "TIFF", "JPEG", "WEBP"])
def test_every_format_is_read_as_pillow_reads_it(format: str) -> None:
    content = as_file(noise(), format)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    np.testing.assert_array_equal(np.asarray(decode_image(content)), expected)


def test_an_image_is_turned_as_its_camera_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # The camera was held upright: the first row of the file is the right edge.
    content = as_file(noise(), exif=exif)
    np.testing.assert_array_equal(np.asarray(decode_image(content)), np.rot90(np.asarray(noise()), -1))


def test_of_a_moving_image_the_first_frame_is_read() -> None:
    first, second = Image.new("RGB", (4, 4), "red"), Image.new("RGB", (4, 4), "blue")
    content = as_file(first, "GIF", save_all=True, append_images=[second])
    assert decode_image(content).getpixel((0, 0)) == (255, 0, 0)


def test_grey_and_transparent_images_become_rgb() -> None:
    assert decode_image(as_file(Image.new("L", (2, 2), 7))).getpixel((1, 1)) == (7, 7, 7)
    assert decode_image(as_file(Image.new("RGBA", (2, 2), (1, 2, 3, 0)))).getpixel((0, 0)) == (1, 2, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no image", "no image that can be read"),
        (as_file(noise(60, 60))[:-300], "no image that can be read"),
        (b"%PDF-1.7 or EPS, which run programs", "no image that can be read"),
        (png_that_says(10_000, 10_000), f"more than {MOST_PIXELS:,} pixels"),
        (png_that_says(60_000, 60_000), f"more than {MOST_PIXELS:,} pixels"),
        (as_file(Image.new("RGB", (1, 101))), "more than 100 times as long"),
        (as_file(Image.fromarray(np.full((3, 3), 40_000, dtype=np.uint16))), "more than 8 bits a channel"),
    ],
    ids=["text", "cut off", "another format", "large", "a bomb", "a line", "16 bits"],
)
def test_what_is_no_image_or_too_large_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(MediaError, match=message) as refused:
        decode_image(content)
    runtime = pytest.importorskip("headstart_runtime.images", reason="headstart-runtime is not installed")
    with pytest.raises(runtime.ImageError) as also_refused:
        runtime.decode_image(content)
    assert str(also_refused.value) == str(refused.value)


def test_headstart_runtime_reads_images_within_the_same_bounds() -> None:
    """It has this module's code once more: it is installed without headstart, and headstart without it."""
    runtime = pytest.importorskip("headstart_runtime.images", reason="headstart-runtime is not installed")
    for name in ("FORMATS", "MOST_PIXELS", "MOST_RATIO", "MORE_BITS"):
        assert getattr(runtime, name) == getattr(images, name)
    assert MOST_BYTES[Modality.IMAGE] == runtime.MOST_BYTES
