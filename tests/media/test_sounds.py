"""Sounds are what was written, at the rate that a model wants; files that are none, or too much, are refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from headstart.media.faults import MediaError
from headstart.media.sounds import decode_sound, sound_seconds

RATE = 8_000


def tone(frequency: float, seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def as_file(samples: np.ndarray, rate: int = RATE, format: str = "WAV", subtype: str | None = "FLOAT") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=format, subtype=subtype)
    return file.getvalue()


def test_the_samples_are_those_of_the_file() -> None:
    samples = tone(440).astype(np.float32)
    np.testing.assert_array_equal(decode_sound(as_file(samples), rate=RATE, seconds=2), samples)
    np.testing.assert_array_equal(decode_sound(as_file(samples), rate=RATE, seconds=0.25), samples[:2_000])


@pytest.mark.parametrize(
    ("format", "subtype"), [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", None), ("AIFF", "PCM_16")]
)
def test_other_formats_sound_alike(format: str, subtype: str | None) -> None:
    content = as_file(tone(440), format=format, subtype=subtype)
    spectrum = np.abs(np.fft.rfft(decode_sound(content, rate=RATE, seconds=1)[:RATE], RATE))
    assert spectrum.argmax() == 440
    assert sound_seconds(content) == pytest.approx(1, abs=0.2)  # MP3 fills whole blocks


@pytest.mark.parametrize("own_rate", [44_100, 48_000, 16_000, 11_025])
def test_another_rate_keeps_pitch_loudness_and_length(own_rate: int) -> None:
    heard = decode_sound(as_file(tone(440, rate=own_rate), own_rate), rate=RATE, seconds=5)
    assert len(heard) == RATE
    spectrum = np.abs(np.fft.rfft(heard)) / len(heard) * 2
    assert spectrum.argmax() == 440
    assert spectrum[440] == pytest.approx(0.5, rel=0.01)


def test_what_the_model_cannot_hear_is_filtered_and_does_not_come_back_lower() -> None:
    heard = decode_sound(as_file(tone(9_000, rate=48_000), 48_000), rate=RATE, seconds=1)
    assert np.abs(heard[100:-100]).max() < 0.005  # A sound that begins at once has all frequencies.


def test_the_beginning_of_a_sound_is_the_same_whatever_follows() -> None:
    """Only what is asked for is decoded, and the filter of another rate sees what comes next."""
    whole = decode_sound(as_file(tone(440, 5, 44_100), 44_100), rate=RATE, seconds=5)
    np.testing.assert_array_equal(
        decode_sound(as_file(tone(440, 5, 44_100), 44_100), rate=RATE, seconds=1), whole[:RATE]
    )


def test_channels_become_their_mean() -> None:
    left, right = tone(440), tone(880)
    heard = decode_sound(as_file(np.stack([left, right], axis=1)), rate=RATE, seconds=1)
    np.testing.assert_allclose(heard, (left + right) / 2, atol=1e-7)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no sound", "no sound that can be read"),
        (as_file(tone(440))[:30], "no sound that can be read"),
        (as_file(np.zeros(0)), "without a sample"),
        (as_file(np.array([0.0, np.nan])), "not finite"),
        (as_file(np.zeros(9), rate=100), "has 100 samples a second"),
        (as_file(np.zeros((9, 33))), "has 33 channels"),
        (as_file(np.zeros(3_600_001 + 400_000, dtype=np.float32), rate=1_000, subtype="PCM_U8"), "longer than 3,600"),
    ],
    ids=["text", "cut off", "empty", "NaN", "rate", "channels", "hours"],
)
def test_what_is_no_sound_or_too_much_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(MediaError, match=message):
        sound_seconds(content)
