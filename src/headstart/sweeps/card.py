"""The model card of a finished run: gathered from its record, its held-out answers and its pretrained model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from headstart.artifacts.card_facts import CardFacts, CardScore
from headstart.artifacts.folder_checks import CARD_FILE
from headstart.artifacts.model_card import model_card
from headstart.artifacts.model_info import read_info
from headstart.atomic_files import write_text
from headstart.experiments.run_data import RunData
from headstart.experiments.stored_answers import StoredAnswers
from headstart.models.published import published
from headstart.stats.score_interval import intervals_of_rows
from headstart.store.record import RunRecord
from headstart.sweeps.final_test import Tested


def write_card(
    folder: Path, data: RunData, record: RunRecord, held_out: StoredAnswers | None, tested: Tested | None = None
) -> None:
    """Write the card of a run's model into its folder.

    Args:
        folder: of the model.
        data: of the run.
        record: of the run, with the scores to report.
        held_out: the answers that these scores are of; None where there are none.
        tested: what the finished model scored on its table's test rows; None where there are none.
    """
    kind, info = read_info(folder)
    facts = CardFacts(
        info=info,
        base=published(data.model),
        is_adapter=kind == "adapter",
        record=record,
        scores=tuple(_scores(record, held_out, tested)),
    )
    write_text(folder / CARD_FILE, model_card(facts))


def _scores(record: RunRecord, held_out: StoredAnswers | None, tested: Tested | None) -> Iterator[CardScore]:
    if record.scores:
        names = tuple(record.scores)
        intervals = (
            {} if held_out is None else intervals_of_rows(names, held_out.labels, held_out.decisions, held_out.units)
        )
        yield CardScore(
            split=record.reported_split,
            num_rows=record.num_evaluation_examples,
            scores=record.scores,
            constant_scores=record.constant_scores,
            intervals=intervals,
        )
    if tested is not None:
        found = tested.result
        yield CardScore(
            split=found.split,
            num_rows=found.num_examples,
            scores=found.scores,
            constant_scores=found.constant_scores,
            intervals=tested.intervals,
        )
