"""Independent accounts of spent privacy."""

from __future__ import annotations

from headstart.training.private.accounting import Mechanism


def by_opacus(mechanisms: list[Mechanism], delta: float) -> float:
    """Step an accountant update by update."""
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    for each in mechanisms:
        for _ in range(each.num_steps):
            accountant.step(noise_multiplier=each.noise_multiplier, sample_rate=each.sample_rate)
    return float(accountant.get_epsilon(delta))
