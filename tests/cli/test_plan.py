"""`headstart plan`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from headstart.stats.power import seeds_needed, smallest_difference
from tests.cli.conftest import Cli
from tests.support.stores import make_record, write_store

GAINS = (0.02, 0.01, 0.03, 0.0, 0.04, 0.02)
DEVIATION = 0.0141421356


@pytest.fixture
def store(tmp_path: Path) -> Path:
    records = []
    for seed, gain in enumerate(GAINS):
        records += [make_record("finetune", seed, 0.7), make_record("lp_ft", seed, 0.7 + gain)]
    records.append(make_record("top_k", 0, 0.75))
    return write_store(tmp_path / "runs", records)


def test_the_plan_is_that_of_the_spread_so_far(cli: Cli, store: Path):
    code, out, err = cli("plan", store, "--json", "--difference", "2")
    assert code == 0, err
    values = json.loads(out)
    assert values["difference"] == 0.02
    (row,) = values["rows"]
    assert (row["task"], row["label"], row["num_pairs"]) == ("demo", "lp_ft", 6)
    assert row["standard_deviation"] == pytest.approx(DEVIATION)
    assert values["num_comparisons"] == 2
    assert row["needed"] == seeds_needed(DEVIATION, 0.02, 2)
    assert row["needed_if_narrow"] <= row["needed"] <= row["needed_if_wide"]
    smallest = dict(map(tuple, row["smallest"]))
    assert smallest[6] is None  # two comparisons: no verdict of six seeds can hold
    assert smallest[20] == pytest.approx(smallest_difference(DEVIATION, 20, 2))
    assert values["left_out"] == [["demo", "top_k", "one pair has no spread"]]


def test_the_table_says_it_in_points(cli: Cli, store: Path):
    code, out, err = cli("plan", store)
    assert code == 0, err
    line = next(line for line in out.splitlines() if "lp_ft" in line)
    smallest = f"{100 * smallest_difference(DEVIATION, 10, 2):.2f}"
    assert re.search(rf"lp_ft +6 +1\.41 .* {smallest} .* {seeds_needed(DEVIATION, 0.01, 2)} \[", line)
    assert "80% power" in out
    assert "over 2 comparisons, which needs 7 seeds or more" in " ".join(out.split())
    assert "Left out: demo, top_k: one pair has no spread" in out


@pytest.mark.parametrize("difference", ["0", "-1", "101"])
def test_what_is_no_difference_is_refused(cli: Cli, store: Path, difference: str):
    code, _, err = cli("plan", store, f"--difference={difference}")
    assert code == 2
    assert "--difference was given as" in err


def test_a_store_that_is_not_there_is_refused(cli: Cli):
    code, _, err = cli("plan", "nowhere")
    assert code == 2
    assert "no such store" in err
