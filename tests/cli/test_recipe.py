"""Every recipe under `recipes/` is one that `compare` understands, down to the last number of its plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.experiments.options import MethodOptions
from headstart.registry import Spec
from headstart.sweeps.plan import Sweep
from headstart.tasks.catalogue import TASKS
from tests.support.paths import REPOSITORY

Cli = Callable[..., tuple[int, str, str]]
RECIPES = sorted((REPOSITORY / "recipes").glob("*.yaml"))
ABLATIONS = {
    "stage1-fraction": 1 + 9,
    "stage1-on-top": 1 + 9,
    "lora-rank": 1 + 6,
    "reset-reserve": 1 + 4,
    "convergence": 1 + 2,
}
"""The paper's ablations: columns of the table, fine-tuning first."""


def read(recipe: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> Sweep:
    """Return the sweep that `headstart compare RECIPE` would run."""
    caught: list[Sweep] = []
    monkeypatch.setattr(
        "headstart.cli.comparing.run_comparison", lambda sweep, *_args, **_options: caught.append(sweep)
    )
    monkeypatch.setattr("headstart.cli.session.open_session", lambda *_sources: None)
    code, _, err = cli("compare", recipe)
    assert code == 0, err
    (sweep,) = caught
    return sweep


@pytest.mark.parametrize("recipe", RECIPES, ids=[path.stem for path in RECIPES])
def test_a_recipe_is_understood(recipe: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    sweep = read(recipe, monkeypatch, cli)
    assert sweep.columns.methods()
    for source in sweep.sources:
        assert source.name in TASKS
        assert sweep.training.num_steps(source.name, 1000) > 0


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_compares_what_it_says(name: str, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    sweep = read(REPOSITORY / "recipes" / f"{name}.yaml", monkeypatch, cli)
    columns = sweep.columns.methods()
    assert len(columns) == ABLATIONS[name]
    assert columns[0] == MethodOptions(strategy=Spec("finetune"))
    assert len(sweep.seeds) == 10
    assert sweep.training.stage1_on_top == (name == "stage1-on-top")
