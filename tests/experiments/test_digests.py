"""An experiment keeps its digest from version to version, within a schema: stored runs are found again by it."""

from __future__ import annotations

import pytest

from headstart.data.examples import Split
from headstart.store.schema import SCHEMA_VERSION
from headstart.tasks.task import Task
from tests.support.paths import REPOSITORY
from tests.support.runs import stored, tiny_choices, tiny_experiment

MODEL = REPOSITORY / "tests" / "data" / "models" / "schema-2"
DIGESTS = {
    "finetune": "9617322cd98a5f463d2293c4066a10fc",
    "eh_ft": "9f87cbd36953c2549549bd15c77815f3",
    "lp_ft:fit": "f420d2c5b0f6de967d7361fa808e6f20",
    "contrastive:rows=8": "bf1fb162edf24ee4aaf0a54e856c3532",
    "ema": "de45be9441a5f81e4ba1d77daba269d9",
}


@pytest.mark.parametrize("strategy", DIGESTS)
def test_a_digest_is_what_it_was(strategy: str) -> None:
    """A new option leaves digests as they are where it has its default; a digest changes with the schema alone."""
    assert SCHEMA_VERSION == 5, "digests may change: write the new ones down"
    task = Task(name="pinned", text_columns=("text",), label_column="label", labels=("bad", "good"))
    rows = Split.of(texts=(("a cat",), ("a dog",)) * 8, labels=(0, 1) * 8)
    source = stored(task, {"train": rows, "validation": rows.take(range(4))})
    adapter = "lora" if strategy == "eh_ft" else None
    choices = tiny_choices(MODEL, strategy, adapter, head="linear", max_length=16, device="cpu")
    assert tiny_experiment(choices, source).digest == DIGESTS[strategy]
