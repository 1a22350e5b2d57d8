"""From a fit to the hub and back, each command in a process of its own that knows the hub by HF_ENDPOINT alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.exported import LACKING
from tests.support.hub import environment
from tests.support.hub_server import OWNER, TOKEN, Hub, running_hub
from tests.support.tiny import make_checkpoint

pytestmark = pytest.mark.slow

NAME = f"{OWNER}/cats"
Command = Callable[..., str]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as found:
        yield found


@pytest.fixture
def headstart(hub: Hub, tmp_path: Path) -> Command:
    """Call `headstart` in a new process with an empty cache of the hub's; returns what it prints."""
    homes = (tmp_path / f"home-{number}" for number in range(100))

    def call(*arguments: object, cwd: Path = tmp_path) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "headstart", *map(str, arguments)],
            cwd=cwd,
            env=environment(hub, next(homes)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert TOKEN not in done.stdout + done.stderr
        return done.stdout

    return call


@pytest.fixture
def model(headstart: Command, tmp_path: Path) -> Path:
    """Return the model that a fit of two updates leaves."""
    make_checkpoint(tmp_path / "base", "bert")
    rows = (f"the {'cat' if row % 2 else 'dog'} sees {row},{'yes' if row % 2 else 'no'}\n" for row in range(40))
    (tmp_path / "rows.csv").write_text("text,label\n" + "".join(rows))
    options = ("--text", "text", "--label", "label", "--strategy", "finetune", "--epochs", "1", "--batch-size", "16")
    headstart("fit", "rows.csv", *options, "--model", "base", "--out", "model")
    return tmp_path / "model"


def test_a_pushed_model_answers_elsewhere_as_it_does_here(
    headstart: Command, model: Path, hub: Hub, tmp_path: Path
) -> None:
    headstart("push", "model", NAME)
    repository = hub.repositories[NAME]
    commit = repository.references["v1"] = repository.references["main"]
    assert repository.private
    assert repository.head()["README.md"] == (model / "README.md").read_bytes()

    headstart("predict", "model", "rows.csv", "--out", "here.csv")
    for name in (f"{NAME}@{commit}", f"{NAME}@v1"):
        out = tmp_path / f"{name.rpartition('@')[2]}.csv"
        assert f"the model is {NAME}@{commit}" in headstart("predict", name, "rows.csv", "--out", out)
        assert out.read_text() == (tmp_path / "here.csv").read_text()
    assert "accuracy" in headstart("evaluate", NAME, "rows.csv")

    options = ("--text", "text", "--label", "label", "--strategy", "linear_probe", "--epochs", "1")
    headstart("fit", "rows.csv", *options, "--model", f"{NAME}@v1", "--out", "next")
    info = json.loads((tmp_path / "next" / "headstart.json").read_text())["info"]
    assert (info["model"], info["model_revision"]) == (f"{NAME}@v1", commit)
    assert f"base_model: {NAME}\n" in (tmp_path / "next" / "README.md").read_text()
    assert commit in headstart("doctor", f"{NAME}@v1", "--json")


def test_a_comparison_goes_on_with_the_files_that_it_was_planned_with(
    headstart: Command, model: Path, hub: Hub, tmp_path: Path
) -> None:
    headstart("push", "model", NAME)
    first = hub.repositories[NAME].references["main"]
    compared = ("rows.csv", "--text", "text", "--label", "label", "--model", f"{NAME}@main", "--epochs", "1")
    compared = (*compared, "--strategies", "finetune", "--seeds", "1", "--store", "runs")
    headstart("compare", *compared)
    (name,) = (path.name for path in (tmp_path / "runs").iterdir() if (path / "experiment.json").exists())
    hub.repositories[NAME].commit("main", {"config.json": b"{}"}, "something else")
    headstart("export", "runs", f"{name}/0", "--out", "again")
    assert json.loads((tmp_path / "again" / "headstart.json").read_text())["info"]["model_revision"] == first


def test_a_folder_for_onnxruntime_goes_to_the_hub_and_back(
    headstart: Command, model: Path, hub: Hub, tmp_path: Path
) -> None:
    pytest.importorskip("onnxscript", reason=LACKING)
    runtime = pytest.importorskip("headstart_runtime", reason=LACKING)
    headstart("push", "model", NAME)
    headstart("export", NAME, "--format", "onnx", "--out", "network")
    said = headstart("push", "network", f"{NAME}-onnx", "--public")
    assert f"Next: headstart predict {NAME}-onnx@" in said
    for folder, out in (("network", "here.csv"), (f"{NAME}-onnx", "there.csv")):
        headstart("predict", folder, "rows.csv", "--out", out)
    assert (tmp_path / "there.csv").read_text() == (tmp_path / "here.csv").read_text()
    repository = hub.repositories[f"{NAME}-onnx"]
    assert not repository.private
    back = tmp_path / "back"
    back.mkdir()
    for name, content in repository.head().items():
        (back / name).write_bytes(content)
    texts = ["the cat sees", "the dog sees 1"]
    assert (runtime.load(back).predict_proba(texts) == runtime.load(tmp_path / "network").predict_proba(texts)).all()
