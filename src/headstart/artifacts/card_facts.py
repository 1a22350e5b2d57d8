"""All that a model card says, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

from headstart.artifacts.model_info import ModelInfo
from headstart.models.published import Published
from headstart.stats.intervals import Interval
from headstart.store.record import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class CardScore:
    """How well the model does on some rows.

    Attributes:
        split: name of the rows.
        num_rows: how many they are.
        scores: each metric, the main one first.
        intervals: by metric, of those that have one.
        constant_scores: each metric of its best constant answer; empty where they are not known.
    """

    split: str
    num_rows: int
    scores: dict[str, float]
    constant_scores: dict[str, float]
    intervals: dict[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """All that a model card says.

    Attributes:
        base: the pretrained model.
        is_adapter: whether the folder lacks the backbone.
        record: of the run; None for models that no run made.
        scores: of rows that the training did not learn from.
    """

    info: ModelInfo
    base: Published
    is_adapter: bool
    record: RunRecord | None = None
    scores: tuple[CardScore, ...] = ()
