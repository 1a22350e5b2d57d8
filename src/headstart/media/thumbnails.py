"""Small pictures of images, as text that a page can hold."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from headstart.media.faults import MediaError
from headstart.media.images import decode_image
from headstart.media.media_file import read_media
from headstart.media.modality import Modality

SIDE = 96
"""Pixels of the longer side."""


def thumbnail(path: str) -> str:
    """Return a small picture of an image's file as a data URI; "" where the file is no image any more."""
    try:
        image = decode_image(read_media(Path(path), Modality.IMAGE))
    except MediaError:
        return ""
    image.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    image.save(file, "PNG")  # without what the file says beside its pixels, such as where it was taken
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
