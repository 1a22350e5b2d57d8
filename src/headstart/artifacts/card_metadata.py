"""The metadata at the top of a model card, by which the hub finds, filters and compares models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headstart.artifacts.card_facts import CardFacts, CardScore
from headstart.media.modality import Modality
from headstart.models.loading import NATIVE
from headstart.tasks.task import Task

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

MULTIPLE_CHOICE = "multiple-choice"
CLASSIFICATION = {
    Modality.TEXT: "text-classification",
    Modality.IMAGE: "image-classification",
    Modality.AUDIO: "audio-classification",
}
"""The hub's names of tasks, and transformers' of pipelines, by what rows are."""
HUB_METRICS = {
    "accuracy": "accuracy",
    "f1": "f1",
    "macro_f1": "f1",
    "micro_f1": "f1",
    "matthews": "matthews_correlation",
    "pearson": "pearsonr",
    "spearman": "spearmanr",
    "mae": "mae",
}
"""What the hub calls our metrics; others keep their name."""
OWN_ROWS = "own-rows"
"""The data set's type where the rows are a person's own, and on no hub."""


def metadata(facts: CardFacts) -> str:
    """Return the metadata as YAML.

    Source: the hub's documentation of model cards; `huggingface_hub` writes the YAML.
    """
    from huggingface_hub import ModelCardData

    task = facts.info.task
    results = _results(facts)
    is_plain = facts.info.head == NATIVE and not facts.is_adapter
    data = ModelCardData(
        base_model=facts.base.repository,
        license=facts.base.licence,
        library_name="transformers" if is_plain else "headstart",
        pipeline_tag=_task_type(task),
        tags=["headstart"],
        metrics=list(dict.fromkeys(HUB_METRICS.get(name, name) for name in task.metrics)),
        model_name=task.name if results else None,
        eval_results=results or None,
    )
    return f"{data.to_yaml()}\n"


def _task_type(task: Task) -> str:
    return MULTIPLE_CHOICE if task.kind.has_choices else CLASSIFICATION[task.modality]


def _results(facts: CardFacts) -> list[EvalResult]:
    """Return the scores as the hub reads them."""
    from huggingface_hub import EvalResult

    task = facts.info.task
    return [
        EvalResult(
            task_type=_task_type(task),
            dataset_type=OWN_ROWS if task.source is None else task.source.repository,
            dataset_name=task.name,
            dataset_config=None if task.source is None else task.source.configuration,
            dataset_split=score.split,
            dataset_args={"num_examples": score.num_rows},
            metric_type=HUB_METRICS.get(name, name),
            metric_name=name,
            metric_value=value,
            metric_args=_interval(score, name),
        )
        for score in facts.scores
        for name, value in score.scores.items()
    ]


def _interval(score: CardScore, name: str) -> dict[str, object] | None:
    found = score.intervals.get(name)
    return None if found is None else {"interval": [found.low, found.high], "confidence": found.confidence}
