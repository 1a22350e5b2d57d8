"""Small pictures hold what the image shows and nothing of what its file says beside."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from headstart.media.thumbnails import SIDE, thumbnail


def shown(uri: str) -> Image.Image:
    kind, _, content = uri.partition(",")
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def test_a_large_image_becomes_small_and_keeps_its_form(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "where it was taken"
    Image.new("RGB", (400, 200), (10, 200, 30)).save(tmp_path / "a.jpg", exif=exif, quality=95)
    picture = shown(thumbnail(str(tmp_path / "a.jpg")))
    assert picture.size == (SIDE, SIDE // 2)
    assert np.abs(np.asarray(picture).reshape(-1, 3).mean(axis=0) - (10, 200, 30)).max() < 3
    assert "where it was taken" not in str(picture.info)


def test_a_file_that_is_no_image_any_more_has_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"gone")
    assert thumbnail(str(tmp_path / "a.jpg")) == ""
