"""Made-up images, for an export that is checked without a person's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from headstart.data.examples import Split
from headstart.seeding import numpy_generator

NUM_MADE = 48
STREAM = "onnx_check_images"
SIDES = (1, 9, 33, 100, 224, 301)
"""Pixels of a side, lower and higher than most models read."""
SUFFIXES = (".png", ".jpg")


def made_images(folder: Path) -> Split:
    """Write 48 images of random patches, of many sizes and shapes, into a folder; return them as rows."""
    generator = numpy_generator(0, STREAM)
    paths = []
    for number in range(NUM_MADE):
        height, width = (SIDES[at] for at in ((number // len(SIDES)) % len(SIDES), number % len(SIDES)))
        if 1 in (height, width):
            height, width = min(height, 100), min(width, 100)
        patches = generator.integers(0, 256, (5, 4, 3), dtype=np.uint8)
        image = Image.fromarray(patches).resize((width, height), Image.Resampling.BICUBIC)
        path = folder / f"{number}{SUFFIXES[number % len(SUFFIXES)]}"
        image.save(path)
        paths.append((str(path),))
    return Split(texts=tuple(paths))
