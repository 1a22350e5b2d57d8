"""What the updates of a stage took: energy and memory."""

from __future__ import annotations

from headstart.experiments.witness import StageEnd, StageStart, Witness
from headstart.store.record import StageRecord
from headstart.training.energy import EnergyMeter
from headstart.training.peak_memory import peak_memory, reset_peak_memory


class Consumption(Witness):
    """Counts from right before the first update to right after the last one.

    Attributes:
        joules: energy; None where the hardware does not tell, or where some updates were done in an earlier call.
        peak_bytes: the most memory that was held at once.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._meter = EnergyMeter()
        self.joules: float | None = None
        self.peak_bytes = 0

    def before(self, start: StageStart) -> None:
        """Begin to count."""
        reset_peak_memory(self._device)
        if not start.is_resumed:
            self._meter = EnergyMeter.started(self._device)

    def after(self, end: StageEnd, record: StageRecord) -> StageRecord:
        """Read both."""
        self.joules, self.peak_bytes = self._meter.joules(), peak_memory(self._device)
        return record
