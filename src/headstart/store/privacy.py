"""What a run's record says of differential privacy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePrivacy:
    """How one stage was made private.

    Attributes:
        noise_multiplier: standard deviation of the noise on the sum of clipped gradients, over `max_grad_norm`.
        sample_rate: chance of each training row to be in an update.
        max_grad_norm: the L2 norm that each example's gradient was clipped to.
        epsilon: spent at `delta` by this stage and the private ones before it, together.
    """

    noise_multiplier: float
    sample_rate: float
    max_grad_norm: float
    epsilon: float
    delta: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPrivacy:
    """What the private stages of a run spend together.

    Attributes:
        epsilon: spent at `delta` when all of them are done; a failed run spent at most this.
        accountant: how it was computed.
        covers_all_stages: whether every stage that trained was private; if not, the finished model is not.
    """

    epsilon: float
    delta: float
    accountant: str
    covers_all_stages: bool

    def __str__(self) -> str:
        spent = f"epsilon {self.epsilon:.3g} at delta {self.delta:g} ({self.accountant.upper()} accountant)"
        if self.covers_all_stages:
            return f"private training spent {spent}"
        return f"one private stage spent {spent}; another trained without noise, so the finished model is not private"
