"""What a model folder's temperature makes of trained heads and stored probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.artifacts.saved_model import SavedModel
from headstart.losses import Scale
from headstart.models.output_units import to_raw_units


def temperature_of(saved: SavedModel) -> float:
    """Return the temperature that the folder's head has taken up; 1 where it has none."""
    found = saved.info.temperature
    return 1.0 if found is None or found.value is None else found.value


def take_up_temperature(saved: SavedModel) -> None:
    """Let the classifier's head, which is one as it was trained, take up the folder's temperature."""
    if temperature_of(saved) != 1.0:
        to_raw_units(saved.classifier, Scale(offset=0.0, size=1 / temperature_of(saved)))


def softened(probabilities: Any, saved: SavedModel) -> NDArray[np.float64]:
    """Return probabilities [n, c] as they are at the folder's temperature."""
    powers: NDArray[np.float64] = np.asarray(probabilities, dtype=np.float64) ** (1 / temperature_of(saved))
    return powers / powers.sum(axis=1, keepdims=True)
