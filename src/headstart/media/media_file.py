"""The file of a row: found, read whole once, and known by what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import xxhash

from headstart.errors import CheckpointError, DamageError
from headstart.media.faults import MediaError
from headstart.media.images import decode_image
from headstart.media.modality import Modality
from headstart.media.sounds import sound_seconds
from headstart.safe_files import read_bytes

MOST_BYTES = {Modality.IMAGE: 1 << 26, Modality.AUDIO: 1 << 28}
"""Of a file, before any of it is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile:
    """An image or a sound.

    Attributes:
        path: where it lies on this machine.
        digest: XXH3 of its bytes; "" where nobody looked at them.
        seconds: how long a sound is; 0 for images, and where nobody looked.
    """

    path: str
    digest: str = ""
    seconds: float = 0.0


def read_media(path: Path, modality: Modality) -> bytes:
    """Return the bytes of an image's or a sound's file.

    Raises:
        MediaError: if there is none, it is empty, no regular file, or too large.
    """
    try:
        content = read_bytes(path, most_bytes=MOST_BYTES[modality])
    except FileNotFoundError as error:
        raise MediaError("the file does not exist") from error
    except DamageError as error:
        raise MediaError(f"is not read: {error.what}") from error
    except CheckpointError as error:
        raise MediaError("cannot be read") from error
    if not content:
        raise MediaError("is empty")
    return content


def checked_file(path: Path, modality: Modality) -> MediaFile:
    """Return a file after all of it was read and decoded once.

    Raises:
        MediaError: if it is no image or sound that is read.
        UsageError: if the package that decodes it is missing.
    """
    content = read_media(path, modality)
    seconds = 0.0
    if modality is Modality.IMAGE:
        decode_image(content)
    else:
        seconds = sound_seconds(content)
    return MediaFile(path=str(path), digest=xxhash.xxh3_128_hexdigest(content), seconds=seconds)
