"""Made-up images, for an export that is checked without a person's own."""

from __future__ import annotations

from pathlib import Path

from headstart.seeding import numpy_generator

NUM_MADE = 48
STREAM = "made_images"
SIDES = (1, 9, 33, 100, 224, 301)
"""Pixels of a side, lower and higher than most models read."""
LONGEST_LINE = 100
"""Pixels of an image that is one pixel wide: a longer one is not read."""
SUFFIXES = (".png", ".jpg")


def write_made_images(folder: Path) -> list[Path]:
    """Write 48 images of random patches, of many sizes and shapes, into a folder; the same ones every time."""
    import numpy as np
    from PIL import Image

    generator = numpy_generator(0, STREAM)
    paths = []
    for number in range(NUM_MADE):
        sides = [SIDES[number // len(SIDES) % len(SIDES)], SIDES[number % len(SIDES)]]
        width, height = (min(side, LONGEST_LINE) if 1 in sides else side for side in sides)
        patches = Image.fromarray(generator.integers(0, 256, (5, 4, 3), dtype=np.uint8))
        paths.append(folder / f"{number}{SUFFIXES[number % len(SUFFIXES)]}")
        patches.resize((width, height), Image.Resampling.BICUBIC).save(paths[-1])
    return paths
