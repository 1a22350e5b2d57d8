"""Every recipe under `recipes/` is one that `compare` understands, down to the last number of its plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.cli.recipe import INPUTS
from headstart.experiments.methods import ComparedMethods
from headstart.experiments.options import MethodOptions, ModelOptions, TaskOptions, TrainingOptions
from headstart.experiments.varied import VariedAxis
from headstart.option import READER, options_of
from headstart.registry import Spec
from headstart.sweeps.plan import Sweep
from headstart.tables.file_options import FileOptions
from headstart.tasks.catalogue import TASKS
from headstart.training.config import TrainerOverride
from tests.conftest import CheckpointMaker
from tests.support.paths import REPOSITORY

Cli = Callable[..., tuple[int, str, str]]
KINDS = (FileOptions, TaskOptions, ModelOptions, ComparedMethods, TrainingOptions)
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
        assert source.file or source.name in TASKS
        assert sweep.training.num_steps(source.name, 1000) > 0


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_compares_what_it_says(name: str, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    sweep = read(REPOSITORY / "recipes" / f"{name}.yaml", monkeypatch, cli)
    columns = sweep.columns.methods()
    assert len(columns) == ABLATIONS[name]
    assert columns[0] == MethodOptions(strategy=Spec("finetune"))
    assert len(sweep.seeds) == 10
    assert sweep.training.stage1_on_top == (name == "stage1-on-top")


def recipe_of(text: str, at: Path) -> Path:
    """Write a recipe into a folder `deep`, beside a table, a model folder and a file of weights."""
    folder = at / "deep"
    (folder / "model").mkdir(parents=True)
    for name in ("rows.csv", "more.csv"):
        (folder / name).write_text("text,label\n" + "".join(f"row {n},{'ab'[n % 2]}\n" for n in range(20)))
    (folder / "weights.json").write_text('{"a": 1, "b": 2}')
    recipe = folder / "recipe.yaml"
    recipe.write_text(text, encoding="utf-8")
    return recipe


def test_what_is_read_lies_beside_the_recipe_and_what_is_written_where_it_is_called(
    monkeypatch: pytest.MonkeyPatch, cli: Cli, tmp_path: Path
) -> None:
    recipe = recipe_of(
        """
        file: rows.csv
        validation: more.csv
        evaluate_on: [more.csv, ../deep/rows.csv]
        class_weights: weights.json
        adapter_from: my-adapter
        model: model
        store: runs
        """,
        tmp_path,
    )
    stores: list[Path] = []
    monkeypatch.setattr("headstart.cli.compare.next_line", lambda *words: stores.append(words[2]) or "")
    sweep = read(recipe, monkeypatch, cli)
    folder = tmp_path / "deep"
    (source,) = sweep.sources
    assert source.file == str(folder / "rows.csv")
    assert source.options.validation == str(folder / "more.csv")
    assert [other.file for other in source.evaluate_on] == [str(folder / "more.csv"), str(folder / "rows.csv")]
    assert Path(sweep.training.class_weights) == folder / "weights.json"
    assert sweep.training.adapter_from == folder / "my-adapter"
    assert Path(sweep.model.model) == folder / "model"
    assert stores == [Path("runs")]


def test_what_is_no_path_stays_as_it_is(monkeypatch: pytest.MonkeyPatch, cli: Cli, tmp_path: Path) -> None:
    recipe = recipe_of(
        "file: hub:OWNER/NAME\nvalidation: hub:OWNER/MORE\nclass_weights: balanced\nmodel: roberta-base\n"
        "evaluate_on: glue/rte,hub:OWNER/OTHER",
        tmp_path,
    )
    sweep = read(recipe, monkeypatch, cli)
    (source,) = sweep.sources
    assert (source.file, source.options.validation) == ("hub:OWNER/NAME", "hub:OWNER/MORE")
    assert [(other.name, other.file) for other in source.evaluate_on] == [
        ("glue/rte", None),
        ("hub:OWNER/OTHER", "hub:OWNER/OTHER"),
    ]
    assert (sweep.training.class_weights, sweep.model.model) == ("balanced", "roberta-base")


def test_every_option_that_is_a_path_has_its_rule() -> None:
    options = {name: field for kind in KINDS for name, field in options_of(kind).items()}
    paths = {name for name, field in options.items() if field.metadata[READER] is Path}
    assert paths <= set(INPUTS)
    assert set(INPUTS) - {"file"} <= set(options)


@pytest.mark.parametrize("written", ["{head: [native, linear]}", "head=native,linear", "{head: 'native,linear'}"])
def test_what_varies_is_a_mapping_or_as_on_the_command_line(
    written: str, monkeypatch: pytest.MonkeyPatch, cli: Cli, tmp_path: Path
) -> None:
    sweep = read(recipe_of(f"file: rows.csv\nvary: {written}", tmp_path), monkeypatch, cli)
    assert sweep.columns.vary == VariedAxis(axis="head", values=("native", "linear"))


def test_weights_that_vary_lie_beside_the_recipe_too(monkeypatch: pytest.MonkeyPatch, cli: Cli, tmp_path: Path) -> None:
    text = "file: rows.csv\nvary: {class_weights: [none, weights.json]}"
    sweep = read(recipe_of(text, tmp_path), monkeypatch, cli)
    none, weights = (part.training.class_weights for part in sweep.parts)
    assert (none, Path(weights)) == ("none", tmp_path / "deep" / "weights.json")


def test_the_names_of_flags_and_a_single_trainer_field_are_read(
    monkeypatch: pytest.MonkeyPatch, cli: Cli, tmp_path: Path
) -> None:
    text = "file: rows.csv\nstrategy: [finetune, eh_ft]\nlearning-rate: 0.0002\njson: true\ntrainer: weight_decay=0.1"
    sweep = read(recipe_of(text, tmp_path), monkeypatch, cli)
    assert [str(each) for each in sweep.columns.strategies] == ["finetune", "eh_ft"]
    assert sweep.columns.learning_rates == (2e-4,)
    assert sweep.training.trainer == (TrainerOverride(field="weight_decay", value=0.1),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("strategies: finetune\nstrategy: eh_ft", "gives strategy twice, under two names"),
        ("stratgies: finetune", "unknown option in"),
        ("vary: {head: [native, linear], long: [truncate, window]}", "of one axis to its values"),
        ("dp: {epsilon: 8}", "Only --vary has a mapping"),
        ("trainer: {push_to_hub: true}", "--trainer has a list: [weight_decay=0.1]"),
        ("- finetune", "holds no options"),
    ],
)
def test_what_a_recipe_cannot_say_is_refused(text: str, said: str, cli: Cli, tmp_path: Path) -> None:
    code, _, err = cli("compare", recipe_of(text, tmp_path))
    assert code == 2
    assert said in err


def test_what_a_recipe_expects_is_held_against_what_comes_out(
    tiny_checkpoint: CheckpointMaker, cli: Cli, tmp_path: Path
) -> None:
    text = f"""
        file: rows.csv
        model: {tiny_checkpoint("bert")}
        strategies: finetune
        seeds: 2
        steps: 1
        max_length: 16
        store: runs
        expected:
          rows.csv:
            finetune: 50.00 +- 80.00 over 2 seeds
            eh_ft(lora): 50.00 +- 80.00 over 2 seeds
        """
    code, out, err = cli("compare", recipe_of(text, tmp_path), "--quiet")
    assert code == 0, err
    assert "As the recipe expects: 1 of 2 means" in out
    assert "rows.csv, eh_ft(lora): nothing came out; expected 50.00 ± 113.14." in out


def test_what_a_recipe_expects_is_read_before_anything_runs(cli: Cli, tmp_path: Path) -> None:
    text = "file: rows.csv\nexpected: {rows.csv: {finetune: about 50}}"
    code, _, err = cli("compare", recipe_of(text, tmp_path))
    assert code == 2
    assert "'about 50' for finetune on rows.csv" in err
