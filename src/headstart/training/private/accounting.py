"""How much noise a stage needs, and what privacy all stages together have spent.

The accountant is opacus's for Renyi differential privacy: an upper bound that composes over stages with different
noise. Two tables of rows are neighbours when one has one row more than the other.

Source: Abadi et al. (CCS 2016); Mironov (CSF 2017); Mironov, Talwar and Zhang (2019) for Poisson sampling.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from headstart.errors import UsageError
from headstart.strategies.strategy import Stage
from headstart.training.config import PrivacyConfig

ACCOUNTANT = "rdp"
LARGEST_NOISE = 2.0**12
SMALLEST_NOISE = 2.0**-6
RELATIVE_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """What makes a stage private: the Gaussian mechanism on Poisson samples.

    Attributes:
        noise_multiplier: standard deviation of the noise on the sum of the clipped gradients, over `max_grad_norm`.
        sample_rate: chance of each row to be in an update, above 0 to 1.
        num_steps: updates.
        max_grad_norm: the L2 norm that each example's gradient is clipped to.
    """

    noise_multiplier: float
    sample_rate: float
    num_steps: int
    max_grad_norm: float


def plan_mechanisms(
    privacy: PrivacyConfig, plan: Sequence[Stage], *, num_rows: int, batch_size: int
) -> dict[str, Mechanism]:
    """Return the mechanism of each private stage by the stage's name, with the least noise that the budget allows.

    Of two private stages the first alone spends `first_fraction` of epsilon; the second gets what composition leaves.
    At most two stages of the plan train; `batch_size` is the expected number of rows of an update, at most `num_rows`.

    Raises:
        UsageError: if no amount of noise keeps the budget, or opacus is missing.
    """
    require_opacus()
    steps = tuple((stage.name, stage.num_steps) for stage in private_stages(privacy, plan))
    return dict(_plan(privacy, steps, num_rows, batch_size))


@lru_cache
def _plan(
    privacy: PrivacyConfig, steps: tuple[tuple[str, int], ...], num_rows: int, batch_size: int
) -> tuple[tuple[str, Mechanism], ...]:
    """Return each stage's name and mechanism, from the stages' names and updates."""
    rate, norm = batch_size / num_rows, privacy.max_grad_norm
    found: dict[str, Mechanism] = {}
    for name, num_steps in steps:
        is_first_of_two = len(steps) > 1 and not found
        epsilon = privacy.epsilon * privacy.first_fraction if is_first_of_two else privacy.epsilon
        noiseless = Mechanism(noise_multiplier=0.0, sample_rate=rate, num_steps=num_steps, max_grad_norm=norm)
        found[name] = _least_noise(noiseless, list(found.values()), epsilon, privacy.delta)
    return tuple(found.items())


def private_stages(privacy: PrivacyConfig, plan: Sequence[Stage]) -> tuple[Stage, ...]:
    """Return the stages of a plan that the budget is for: of one stage alone, that stage."""
    training = tuple(stage for stage in plan if stage.num_steps)
    return {"all": training, "first": training[:1], "last": training[-1:]}[privacy.stages]


def spent_epsilon(mechanisms: Sequence[Mechanism], delta: float) -> float:
    """Return the epsilon that all of them together have spent at `delta`; 0 for none."""
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    accountant.history = [(each.noise_multiplier, each.sample_rate, each.num_steps) for each in mechanisms]
    with warnings.catch_warnings():
        # opacus says when a finer set of orders could give a tighter bound; the bound holds all the same.
        warnings.filterwarnings("ignore", message="Optimal order is the", category=UserWarning)
        return float(accountant.get_epsilon(delta))


def require_opacus() -> None:
    """Refuse private training without its library.

    Raises:
        UsageError: if opacus is not installed.
    """
    if importlib.util.find_spec("opacus") is None:
        raise UsageError("`dp` needs opacus, which is not installed", remedy="  pip install 'headstart[dp]'")


def _least_noise(noiseless: Mechanism, earlier: Sequence[Mechanism], epsilon: float, delta: float) -> Mechanism:
    """Return the mechanism with as little noise as `epsilon` for it and the earlier ones together allows."""

    def spends(noise_multiplier: float) -> float:
        return spent_epsilon([*earlier, replace(noiseless, noise_multiplier=noise_multiplier)], delta)

    enough = SMALLEST_NOISE
    while spends(enough) > epsilon:
        enough *= 2
        if enough > LARGEST_NOISE:
            raise UsageError(
                f"no amount of noise gives epsilon {epsilon:g} at delta {delta:g} by this accountant",
                remedy="  Give a larger epsilon or a larger delta.",
            )
    too_little = enough / 2
    while enough - too_little > RELATIVE_TOLERANCE * enough:
        middle = (enough + too_little) / 2
        if spends(middle) > epsilon:
            too_little = middle
        else:
            enough = middle
    return replace(noiseless, noise_multiplier=enough)
