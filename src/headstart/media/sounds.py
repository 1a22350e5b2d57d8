"""Sounds from their files: one channel, at the rate that a model wants, of a bounded length.

Letters: n samples.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from headstart.media.faults import MediaError, require_package

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_SECONDS = 3600
MOST_CHANNELS = 32
LOWEST_RATE, HIGHEST_RATE = 1_000, 768_000
"""Samples a second that a file may have."""


def sound_seconds(content: bytes) -> float:
    """Return how long a sound is, after all of it was decoded.

    Raises:
        MediaError: if it is none that is read.
        UsageError: if soundfile is missing.
    """
    samples, rate = _decoded(content, None)
    return len(samples) / rate


def said_seconds(content: bytes) -> float:
    """Return how long a sound is by what its file says; nothing is decoded.

    Raises:
        MediaError: if it is none that is read.
        UsageError: if soundfile is missing.
    """
    with _opened(content) as file:
        return float(file.frames / file.samplerate)


def decode_sound(content: bytes, *, rate: int, seconds: float) -> NDArray[np.float32]:
    """Return the beginning of a sound [n], the mean of its channels, at `rate` samples a second.

    A sound at another rate is resampled with a polyphase filter.

    Raises:
        MediaError: if it is none that is read.
        UsageError: if soundfile is missing.
    """
    import numpy as np
    from scipy.signal import resample_poly

    samples, own_rate = _decoded(content, seconds)
    if own_rate != rate:
        shared = math.gcd(rate, own_rate)
        samples = resample_poly(samples, rate // shared, own_rate // shared)
    return samples[: round(seconds * rate)].astype(np.float32)


def _decoded(content: bytes, seconds: float | None) -> tuple[NDArray[np.float32], int]:
    """Return the samples of a sound's first seconds, or of all, and how many of them make a second."""
    import numpy as np

    with _opened(content) as file:
        # One more, so that the filter of another rate has something to look at.
        frames = file.frames if seconds is None else min(file.frames, math.ceil((seconds + 1) * file.samplerate))
        samples = file.read(frames, dtype="float32", always_2d=True).mean(axis=1)
        rate = int(file.samplerate)
    if not len(samples):
        raise MediaError("is a sound without a sample")
    if not np.isfinite(samples).all():
        raise MediaError("holds samples that are not finite numbers")
    return samples, rate


@contextmanager
def _opened(content: bytes) -> Iterator[Any]:
    """Yield soundfile's view of a sound, and say of what it cannot read that it is none."""
    require_package("soundfile", "audio")
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            _require_readable(file)
            yield file
    except MediaError:
        raise
    except (soundfile.SoundFileError, RuntimeError, TypeError, ValueError, OSError) as error:
        raise MediaError("is no sound that can be read: its content is damaged, or of another format") from error


def _require_readable(file: Any) -> None:
    if not LOWEST_RATE <= file.samplerate <= HIGHEST_RATE:
        raise MediaError(f"has {file.samplerate:,} samples a second; {LOWEST_RATE:,} to {HIGHEST_RATE:,} are read")
    if file.channels > MOST_CHANNELS:
        raise MediaError(f"has {file.channels} channels; at most {MOST_CHANNELS} are read")
    if file.frames > MOST_SECONDS * file.samplerate:
        raise MediaError(f"is longer than {MOST_SECONDS:,} seconds; cut it into pieces")
