"""What is asked of speed and memory on a GPU, and what was measured, as one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.model_flops import Encoder, peak_flops

Claim = dict[str, Any]
"""`what` is compared, what is `asked` ("at least" or "at most" a `bound`), and what was `measured`; None if unknown."""
COLUMNS = "| what | asked | measured | met |\n|---|---|---|---|"


def speed_claims(sides: Mapping[str, Sequence[Mapping[str, float]]]) -> list[Claim]:
    """Return what the sides of a speed measurement come to, by turns; the first loads kernels where there are more."""

    def of(side: str, name: str) -> float:
        return median(turn[name] for turn in sides[side][1:] or sides[side])

    def peak(side: str) -> float:
        return max(turn["peak_bytes"] for turn in sides[side])

    rate = "examples_per_second"
    return [
        at_least("examples a second, to a plain Trainer's", 2.0, of("finetune", rate) / of("plain", rate)),
        at_most("peak memory, to a plain Trainer's", 0.9, peak("finetune") / peak("plain")),
        at_most("EH-FT's seconds, to fine-tuning's", 0.9, of("eh_ft", "seconds") / of("finetune", "seconds")),
        at_most(
            "a linear probe's seconds, to a forward pass's",
            1.5,
            of("linear_probe", "seconds") / of("forward", "seconds"),
        ),
    ]


def compiling_claim(sides: Mapping[str, Sequence[Mapping[str, float]]]) -> Claim:
    """Return how much faster updates of a compiled model are, once it is: what longer runs take more has no warm-up."""

    def more(side: str) -> float:
        return median(
            longer["trained_seconds"] - short["trained_seconds"]
            for longer, short in zip(sides[f"{side}:longer"], sides[side], strict=True)
        )

    return at_least("compiled updates a second after the warm-up, to others", 1.0, more("finetune") / more("compiled"))


def utilisation_claim(encoder: Encoder, length: int, examples_per_second: float, card: str) -> Claim:
    """Return the share of a card's bf16 peak that training reaches on rows of one length (model FLOPs utilisation)."""
    peak, flops = peak_flops(card), encoder.training_flops(length)
    share = None if peak is None else examples_per_second * flops / peak
    return at_least(f"share of the card's bf16 peak, rows of {length} tokens", 0.5, share)


def at_least(what: str, bound: float, measured: float | None) -> Claim:
    return {"what": what, "asked": "at least", "bound": bound, "measured": measured}


def at_most(what: str, bound: float, measured: float | None) -> Claim:
    return {"what": what, "asked": "at most", "bound": bound, "measured": measured}


def table(claims: Sequence[Claim]) -> str:
    """Return claims as a Markdown table."""
    return "\n".join([COLUMNS, *map(_row, claims)])


def _row(claim: Claim) -> str:
    measured = claim["measured"]
    if measured is None:
        said, met = "not known: the card's peak is not in the table", ""
    else:
        said = f"{measured:.2f}"
        is_met = measured >= claim["bound"] if claim["asked"] == "at least" else measured <= claim["bound"]
        met = "yes" if is_met else "no"
    return f"| {claim['what']} | {claim['asked']} {claim['bound']} | {said} | {met} |"
