"""What makes a model's inputs of images and sounds: transformers' image processor or feature extractor for the model.

Letters: b batch, n samples of a sound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from transformers import (
    ASTFeatureExtractor,
    BaseImageProcessor,
    SequenceFeatureExtractor,
    Wav2Vec2FeatureExtractor,
    WhisperFeatureExtractor,
)

from headstart.errors import DataError, DataFault, HeadstartError, UsageError
from headstart.media.faults import MediaError, require_package
from headstart.media.images import decode_image
from headstart.media.media_file import read_media
from headstart.media.modality import Modality
from headstart.media.sounds import decode_sound
from headstart.models.loading import quiet_loading
from headstart.models.processor_bounds import require_bounded_processor
from headstart.models.source import ModelSource
from headstart.models.without_code import read_feature_extractor, read_image_processor

T = TypeVar("T")
OF_ONE_LENGTH = (ASTFeatureExtractor, WhisperFeatureExtractor)
"""Feature extractors that bring each sound to a length of their own, which their models are made for."""


@dataclass(frozen=True, slots=True)
class ImageProcessor:
    """Makes a model's inputs of images, as transformers' processor for it does with Pillow."""

    processor: BaseImageProcessor
    modality = Modality.IMAGE

    def inputs(self, paths: Sequence[str], length: int) -> dict[str, torch.Tensor]:
        """Return the inputs of a batch of images by name, such as `pixel_values` [b, 3, height, width].

        `length` is for sounds.

        Raises:
            DataError: if a file is no image any more.
            UsageError: if the processor leaves images at different sizes.
        """
        images = _decoded(paths, self.modality, decode_image)
        try:
            return dict(self.processor(images=images, return_tensors="pt").items())
        except ValueError as error:
            raise UsageError(
                f"the model's image processor makes no batch of these images: {error}",
                remedy="  Give images of one size, or a `model` whose processor brings all to one.",
            ) from error

    def save_pretrained(self, folder: Path) -> None:
        """Write the files that make it."""
        self.processor.save_pretrained(folder)


@dataclass(frozen=True, slots=True)
class SoundProcessor:
    """Makes a model's inputs of sounds, as transformers' feature extractor for it does.

    All sounds of a model are read at one length, so that no answer depends on what else stands in a batch.
    """

    extractor: SequenceFeatureExtractor
    modality = Modality.AUDIO

    @property
    def rate(self) -> int:
        """Samples a second that the model is made for."""
        return int(self.extractor.sampling_rate)

    def inputs(self, paths: Sequence[str], length: int) -> dict[str, torch.Tensor]:
        """Return the inputs of a batch of sounds by name, such as `input_values` [b, n].

        Args:
            paths: of their files.
            length: n: what a sound has beyond it is left out, and a shorter one is filled with silence.

        Raises:
            DataError: if a file is no sound any more.
        """
        decode = partial(decode_sound, rate=self.rate, seconds=length / self.rate)
        sounds = _decoded(paths, self.modality, decode)
        sizes: dict[str, Any] = {"padding": "max_length", "max_length": length, "truncation": True}
        if isinstance(self.extractor, OF_ONE_LENGTH):
            sizes = {}
        make: Any = self.extractor  # Its base class cannot be called.
        with torch.autocast("cpu", enabled=False):  # Some compute their spectrogram with torch.
            return dict(make(sounds, sampling_rate=self.rate, return_tensors="pt", **sizes).items())

    def save_pretrained(self, folder: Path) -> None:
        """Write the files that make it."""
        self.extractor.save_pretrained(folder)


MediaProcessor = ImageProcessor | SoundProcessor


def seconds_of(processor: MediaProcessor, length: int) -> float:
    """Return the seconds of a sound of `length` samples; without end where rows are images."""
    return length / processor.rate if isinstance(processor, SoundProcessor) else math.inf


def load_processor(source: ModelSource, modality: Modality) -> MediaProcessor:
    """Return what makes a model's inputs of images or sounds.

    Raises:
        UsageError: if the model's folder holds none, or one that is not supported or asks for too much; or if Pillow is
            missing for images.
    """
    if modality is Modality.IMAGE:
        require_package("PIL", "images")
    require_bounded_processor(source.path)
    try:
        with quiet_loading():
            if modality is Modality.IMAGE:
                return ImageProcessor(read_image_processor(source.path))
            extractor = read_feature_extractor(source.path)
    except HeadstartError:
        raise
    except Exception as error:  # What transformers makes of files that are not a processor's.
        what = "image processor" if modality is Modality.IMAGE else "feature extractor"
        raise UsageError(
            f"{source.name!r} has no {what} that can be read: {error}",
            remedy=f"  Give a `model` for {modality.thing}s, with its preprocessor_config.json.",
        ) from error
    if not isinstance(extractor, (Wav2Vec2FeatureExtractor, *OF_ONE_LENGTH)):
        raise UsageError(
            f"{source.name!r} reads sounds by {type(extractor).__name__}, which is not supported",
            allowed="  Supported are models with a Wav2Vec2FeatureExtractor (wav2vec 2.0, HuBERT, WavLM), an "
            "ASTFeatureExtractor or a WhisperFeatureExtractor.",
        )
    return SoundProcessor(extractor)


def _decoded(paths: Sequence[str], modality: Modality, decode: Callable[[bytes], T]) -> list[T]:
    """Return what files hold; they were looked at before, and may have changed since."""
    found = []
    for path in paths:
        try:
            found.append(decode(read_media(Path(path), modality)))
        except MediaError as fault:
            raise DataError([DataFault(file=path, message=str(fault))]) from fault
    return found
