"""The card: metadata that the hub reads, scores with their intervals, and names that stay names."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from huggingface_hub import ModelCard

from headstart.artifacts.card_facts import CardFacts, CardScore
from headstart.artifacts.model_card import model_card
from headstart.artifacts.model_info import ModelInfo
from headstart.artifacts.temperature import NO_ROWS, Temperature
from headstart.models.published import Published
from headstart.registry import Spec
from headstart.stats.intervals import Interval
from headstart.tasks.task import Task
from tests.support.kinds import TASKS
from tests.support.records import run_record
from tests.support.saved import PAIR_TASK, TEXT_TASK

SCORE = CardScore(
    split="validation",
    num_rows=1200,
    scores={"accuracy": 0.75, "macro_f1": 0.5},
    constant_scores={"accuracy": 0.5},
    intervals={"accuracy": Interval(low=0.7, high=0.8, confidence=0.95)},
)
BASE = Published(name="roberta-base", repository="FacebookAI/roberta-base", licence="mit")


def facts(task: Task = TEXT_TASK, *, base: Published = BASE, is_adapter: bool = False, **info: Any) -> CardFacts:
    values = {"head": Spec("native"), "model": "x", "model_revision": "r", "strategy": "finetune"} | info
    return CardFacts(
        info=ModelInfo(task=task, seed=0, max_length=128, **values),
        base=base,
        is_adapter=is_adapter,
        record=run_record(),
        scores=(SCORE,),
    )


def test_the_hub_reads_what_the_card_says() -> None:
    data = ModelCard(model_card(facts())).data
    assert (data.base_model, data.license, data.library_name) == ("FacebookAI/roberta-base", "mit", "transformers")
    assert data.pipeline_tag == "text-classification"
    assert data.metrics == ["accuracy", "f1"]
    first, second = data.eval_results
    assert (first.metric_type, first.metric_value, first.dataset_split) == ("accuracy", 0.75, "validation")
    assert first.metric_args == {"interval": [0.7, 0.8], "confidence": 0.95}
    assert (second.metric_type, second.metric_name, second.metric_args) == ("f1", "macro_f1", None)


def test_a_person_reads_scores_limits_and_how_to_load() -> None:
    text = model_card(facts(temperature=Temperature(value=1.84, num_rows=1200, num_wrong=300)))
    assert "On 1,200 rows of validation:" in text
    assert "| accuracy | 75.00 | 70.00 to 80.00 | 50.00 |" in text
    assert "on the column text of" in text
    assert "one of 3 classes: bad, fair, good" in text
    assert "1.84, fitted on the answers to 1200 held-out rows, 300 of them wrong. The head has taken it up." in text
    assert "It reads 128 tokens" in text
    assert "Short." in text  # a warning of the run
    (code,) = re.findall(r"```python\n(from transformers.*?)```", text, flags=re.DOTALL)
    compile(code, "card", "exec")
    assert "truncation=True" in code


def test_what_is_not_known_is_not_said() -> None:
    unknown = replace(facts(base=Published(name="my-bert")), scores=(), record=None)
    text = model_card(replace(unknown, info=replace(unknown.info, temperature=Temperature(value=None, reason=NO_ROWS))))
    data = ModelCard(text).data
    assert (data.base_model, data.license, data.eval_results) == (None, None, None)
    assert "It was not measured" in text
    assert "licence is not known" in text
    assert f"not fitted: {NO_ROWS}." in text
    assert "taken it up" not in text


@pytest.mark.parametrize(
    ("task", "says"),
    [
        (TASKS["multi_label"], "any number of 3 classes"),
        (TASKS["regression"], "gives a text a number"),
        (TASKS["multiple_choice"], "chooses one of the choices"),
        (PAIR_TASK, "sorts a pair of texts into one of 2 classes"),
    ],
)
def test_every_kind_says_what_it_does(task: Task, says: str) -> None:
    text = model_card(facts(task))
    assert says in text
    for code in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        compile(code, "card", "exec")
    assert ("predict_proba" in text) == (task.kind.has_classes and not task.has_spans)


def test_other_heads_and_adapters_say_what_they_need() -> None:
    assert "import headstart.auto" in model_card(facts(head=Spec("linear")))
    assert ModelCard(model_card(facts(head=Spec("linear")))).data.library_name == "headstart"
    text = model_card(facts(is_adapter=True))
    assert "roberta-base has to be there too" in text
    assert "pipeline(" not in text


@pytest.mark.parametrize(
    "evil", ["a | b", "<script>x</script>", "---\nlicense: gpl", "](http://x.y)", "```", "# h\n# i"]
)
def test_names_stay_names(evil: str) -> None:
    """A class, a task or a column cannot end the metadata, open a tag, a link or a block of code."""
    task = replace(TEXT_TASK, name=evil, labels=(evil, "fair", "good"), text_columns=(evil,))
    text = model_card(facts(task))
    card = ModelCard(text)
    assert card.data.license == "mit"
    assert card.data.model_name == evil
    body = card.text
    assert "<script" not in body
    assert not re.search(r"(?<!\\)\]\(", body)
    assert body.count("```") == model_card(facts()).count("```")
    assert len(re.findall(r"^#", body, flags=re.MULTILINE)) == 5


def test_signs_that_a_terminal_would_obey_are_written_out() -> None:
    task = replace(TEXT_TASK, name="a\x1b[2Jb.csv", labels=("c\x07d", "\u202ee|f"))
    text = model_card(facts(task))
    assert not any(sign in text for sign in "\x1b\x07\u202e")
    assert r"one of 2 classes: c\\x07d, \\u202ee\|f." in text
    assert ModelCard(text).data.eval_results[0].dataset_name == task.name
