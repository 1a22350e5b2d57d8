"""Plans that an older version wrote are the plans that today's strategies make."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from pydantic import TypeAdapter

from headstart.store.older_stages import upgraded_stage
from headstart.strategies.selections import AdapterAndHead
from headstart.strategies.strategy import Stage
from tests.strategies.test_strategies import LORA, plan
from tests.support.paths import REPOSITORY

WRITTEN = json.loads((REPOSITORY / "tests" / "data" / "stages" / "schema-2.json").read_text())
"""As schema 2 wrote the plans of these strategies, with the numbers of `plan`."""
STAGE = TypeAdapter(Stage)


@pytest.mark.parametrize("text", WRITTEN)
def test_a_plan_of_schema_2_is_read(text: str) -> None:
    read = tuple(STAGE.validate_python(upgraded_stage(values)) for values in WRITTEN[text])
    expected = plan(text.partition(" ")[0])
    if text.endswith("quantised and saved"):
        first = replace(expected[0], trainable=AdapterAndHead(LORA, saved="0" * 32, width="4bit"))
        expected = (first, *expected[1:])
    assert read == expected


@pytest.mark.parametrize("text", WRITTEN)
def test_todays_plans_survive_json_and_need_no_upgrade(text: str) -> None:
    for stage in plan(text.partition(" ")[0]):
        values = json.loads(json.dumps(asdict(stage)))
        assert upgraded_stage(values) == values
        assert STAGE.validate_python(values) == stage
