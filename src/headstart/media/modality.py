"""What a row is read as: a text, an image or a sound."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from headstart.errors import unknown_name


class Modality(StrEnum):
    """What a model reads of a row: a text in a cell, or the file that the cell names."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"

    @property
    def is_file(self) -> bool:
        """Whether a row's cell holds the path of a file."""
        return self is not Modality.TEXT

    @property
    def thing(self) -> str:
        """What one of them is called in a sentence, such as "sound"."""
        return "sound" if self is Modality.AUDIO else self.value

    @property
    def suffixes(self) -> tuple[str, ...]:
        """How the names of its files end; none for texts."""
        return SUFFIXES.get(self, ())


SUFFIXES = {
    Modality.IMAGE: (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
    Modality.AUDIO: (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff"),
}


def modality_named(name: str) -> Modality:
    """Return the modality called `name`.

    Raises:
        UsageError: if the name is unknown.
    """
    if name not in tuple(Modality):
        raise unknown_name("modality", name, tuple(Modality))
    return Modality(name)


def may_hold_media(path: Path) -> bool:
    """Whether a path is a folder, or called as images or sounds are."""
    return path.is_dir() or any(path.suffix.lower() in suffixes for suffixes in SUFFIXES.values())
