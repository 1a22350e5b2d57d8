"""Images become the same numbers as by transformers' own processors, and what no export writes is refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.exported import LACKING

pytest.importorskip("headstart_runtime", reason=LACKING)
pytest.importorskip("PIL", reason="the extra 'images' is not installed")

from PIL import Image
from transformers import BaseImageProcessor
from transformers.models.beit.image_processing_pil_beit import BeitImageProcessorPil
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.efficientnet.image_processing_pil_efficientnet import EfficientNetImageProcessorPil
from transformers.models.levit.image_processing_pil_levit import LevitImageProcessorPil
from transformers.models.mobilevit.image_processing_pil_mobilevit import MobileViTImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from headstart.errors import UsageError
from headstart.media.images import decode_image
from headstart.onnx_export.image_steps import image_input
from headstart_runtime.errors import FolderError, InputError
from headstart_runtime.image_input import FIELDS, ImageInput, read_image_input
from headstart_runtime.images import MOST_BYTES
from headstart_runtime.pixels import ImageReader, scaled

SMALL = {"height": 32, "width": 48}
PROCESSORS: dict[str, BaseImageProcessor] = {
    "vit": ViTImageProcessorPil(),
    "vit of another shape": ViTImageProcessorPil(size=SMALL, resample=3),
    "deit": DeiTImageProcessorPil(size=SMALL, crop_size={"height": 28, "width": 31}),
    "beit": BeitImageProcessorPil(size=SMALL),
    "swin": ViTImageProcessorPil(size=SMALL, resample=3, image_mean=[0.485, 0.456, 0.406], image_std=[0.2, 0.3, 0.4]),
    "convnext, cut": ConvNextImageProcessorPil(size={"shortest_edge": 50}, crop_pct=0.875),
    "convnext, warped": ConvNextImageProcessorPil(size={"shortest_edge": 384}),
    "clip": CLIPImageProcessorPil(size={"shortest_edge": 33}, crop_size={"height": 32, "width": 32}),
    "larger than the image": BitImageProcessorPil(size={"shortest_edge": 20}, crop_size={"height": 31, "width": 32}),
    "siglip": SiglipImageProcessorPil(size=SMALL),
    "plain numbers": ViTImageProcessorPil(size=SMALL, do_rescale=False, image_mean=127.0, image_std=3.0),
    "not normalised": ViTImageProcessorPil(size=SMALL, do_normalize=False, resample=0),
}


def noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(width * height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def content(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


FILES = {
    "wide": content(noise(97, 31)),
    "high": content(noise(31, 97)),
    "large": content(noise(500, 420), "JPEG"),
    "grey": content(noise(40, 41).convert("L")),
    "palette": content(noise(40, 41).convert("P")),
    "transparent": content(noise(40, 41).convert("RGBA")),
    "black and white": content(noise(40, 41).convert("1")),
    "turned": content(noise(40, 70), exif=turned()),
    "a line": content(noise(1, 100)),
    "a pixel": content(noise(1, 1)),
    "as wanted": content(noise(48, 32)),
}


@pytest.mark.parametrize("name", PROCESSORS)
def test_pixels_are_those_of_transformers_to_the_last_bit(name: str) -> None:
    processor = PROCESSORS[name]
    wanted = image_input(processor)
    pixels, counts = ImageReader(wanted).read([list(FILES.values())])
    assert counts is None
    found = scaled(pixels, wanted)
    assert found.dtype == np.float32
    for row, image in zip(found, FILES.values(), strict=True):
        expected = processor(images=[decode_image(image)], return_tensors="np")["pixel_values"][0]
        np.testing.assert_array_equal(row, expected)


@pytest.mark.parametrize(
    ("processor", "said"),
    [
        (ViTImageProcessorPil(do_resize=False), "does not resize images"),
        (ViTImageProcessorPil(do_pad=True, pad_size=SMALL), "do_pad"),
        (ViTImageProcessorPil(size={"shortest_edge": 20, "longest_edge": 40}), "resizes images by longest_edge, short"),
        (ViTImageProcessorPil(size={"max_height": 20, "max_width": 40}), "resizes images by max_height, max_width"),
        (CLIPImageProcessorPil(do_center_crop=False), "leaves images at different sizes"),
        (ConvNextImageProcessorPil(size={"shortest_edge": 50}, do_center_crop=True, crop_size=SMALL), "twice"),
        (EfficientNetImageProcessorPil(), "EfficientNetImageProcessor.*has a step of its own, `_preprocess`"),
        (MobileViTImageProcessorPil(), "has a step of its own"),
        (LevitImageProcessorPil(), "has a step of its own, `resize`"),
        (ViTImageProcessorPil(size={"height": 4000, "width": 4000}), "1,048,576 pixels"),
        (ViTImageProcessorPil(image_std=[0.0, 1.0, 1.0]), "std cannot be"),
        (ViTImageProcessorPil(image_std=[1.0, 1.0]), "not enough values"),
        (ViTImageProcessorPil(rescale_factor="much"), "could not convert"),
        (ConvNextImageProcessorPil(size={"shortest_edge": 50}, crop_pct=0), "division by zero"),
    ],
)
def test_steps_that_are_not_followed_are_refused_by_name(processor: BaseImageProcessor, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        image_input(processor)
    assert "headstart predict" in refused.value.remedy


def described() -> dict[str, Any]:
    return image_input(PROCESSORS["clip"]).to_json()


def test_a_description_is_read_as_it_was_written() -> None:
    for processor in PROCESSORS.values():
        assert read_image_input(image_input(processor).to_json()) == image_input(processor)


HUGE, NAN = 10**9, float("nan")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((name, None) for name in FIELDS if name not in ("resized",)),
        ("height", 0),
        ("height", HUGE),
        ("height", True),
        ("shorter_edge", HUGE),
        ("resized", [3, 3]),
        ("resized", [3, 3, 3]),
        ("resample", "magic"),
        ("factor", NAN),
        ("factor", 0),
        pytest.param("factor", 10**400, id="factor, above any float"),
        ("mean", [0.0, 0.0]),
        ("std", [0.0, 1.0, 1.0]),
        ("std", [NAN, 1.0, 1.0]),
        ("more", 1),
    ],
)
def test_values_that_no_export_writes_are_refused(field: str, value: object) -> None:
    with pytest.raises(FolderError):
        read_image_input(described() | {field: value})


def test_an_image_of_too_many_pixels_is_refused_before_it_is_made() -> None:
    with pytest.raises(FolderError, match="1,048,576 pixels"):
        read_image_input(described() | {"height": 4096, "width": 4096})
    values = described() | {"shorter_edge": 4096}
    with pytest.raises(InputError, match=r"images\[1\] has more than 89,478,485 pixels"):
        ImageReader(read_image_input(values)).read([[FILES["as wanted"], FILES["a line"]]])


def reader(image: ImageInput | None = None) -> ImageReader:
    return ImageReader(image or image_input(PROCESSORS["vit"]))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    (tmp_path / "empty.png").touch()
    (tmp_path / "damaged.png").write_bytes(FILES["wide"][:-200])
    for name, said in {
        "none.png": "does not exist",
        ".": "is no file",
        "large.png": "has more than 67,108,864 bytes",
        "empty.png": "is empty",
        "damaged.png": "is no image that can be read",
    }.items():
        with pytest.raises(InputError, match=rf"images\[0\] \(.*\) {said}"):
            reader().read([[tmp_path / name]])
