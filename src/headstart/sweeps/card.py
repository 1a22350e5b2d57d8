"""The model card of a finished run: gathered from its record, its held-out answers and its pretrained model."""

from __future__ import annotations

from pathlib import Path

from headstart.artifacts.card_facts import CardFacts, CardScore
from headstart.artifacts.model_card import model_card
from headstart.artifacts.model_folder import CARD_FILE, ModelInfo, read_info
from headstart.experiments.run_data import RunData
from headstart.experiments.stored_answers import StoredAnswers
from headstart.models.published import published
from headstart.stats.score_interval import interval_of_rows
from headstart.store.layout import write_text
from headstart.store.record import RunRecord
from headstart.sweeps.final_test import Tested


def card_of(
    data: RunData,
    info: ModelInfo,
    record: RunRecord,
    held_out: StoredAnswers | None,
    tested: Tested | None = None,
    *,
    is_adapter: bool,
) -> str:
    """Return the card of a run's model.

    Args:
        data: of the run.
        info: how the model came about.
        record: of the run, with the scores to report.
        held_out: the answers that these scores are of; None where there are none.
        tested: what the finished model scored on its table's test rows; None where there are none.
        is_adapter: whether the folder lacks the backbone.
    """
    scores = []
    if record.scores:
        interval = None if held_out is None else interval_of_rows(record.metric, held_out.labels, held_out.decisions)
        scores.append(
            CardScore(
                split=record.reported_split,
                num_rows=record.num_evaluation_examples,
                metric=record.metric,
                scores=record.scores,
                constant_scores=record.constant_scores,
                interval=interval,
            )
        )
    if tested is not None:
        found = tested.result
        scores.append(
            CardScore(
                split=found.split,
                num_rows=found.num_examples,
                metric=found.metric,
                scores=found.scores,
                constant_scores=found.constant_scores,
                interval=tested.interval,
            )
        )
    return model_card(
        CardFacts(info=info, base=published(data.model), is_adapter=is_adapter, record=record, scores=tuple(scores))
    )


def write_card(
    folder: Path, data: RunData, record: RunRecord, held_out: StoredAnswers | None, tested: Tested | None
) -> None:
    """Write the card of a model folder anew, once all scores are there; arguments are those of `card_of`."""
    kind, info = read_info(folder)
    text = card_of(data, info, record, held_out, tested, is_adapter=kind == "adapter")
    write_text(folder / CARD_FILE, text)
