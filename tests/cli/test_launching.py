"""`fit` as a launcher starts it, in several processes: torchrun's own, and what is refused in them."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from safetensors.torch import load_file

from headstart.cli import launching
from headstart.cli.main import app
from headstart.launcher import launched
from tests.cli.conftest import Cli
from tests.support.launching import torchrun
from tests.support.runs import rare_rows
from tests.support.tiny import make_checkpoint

OPTIONS = ("--label", "label", "--text", "text", "--device", "cpu", "--precision", "fp32", "--batch-size", 5)
SETTINGS = ("--strategy", "dropout", "--trainer", "optim=sgd")
"""Without dropout, and with updates in which a gradient's size shows."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a tiny model and a table whose rows have weights."""
    make_checkpoint(tmp_path / "bert", "bert")
    rows = [f"{text},{('bad', 'good')[label]},{1 + index % 4}" for index, (text, label) in enumerate(rare_rows(48))]
    (tmp_path / "table.csv").write_text("\n".join(["text,label,weight", *rows]))
    return tmp_path


def fit(out: str, *options: object, learning_rate: float = 0.05) -> tuple[object, ...]:
    """Return the arguments of a fit."""
    model = ("--model", "bert", "--out", out, "--learning-rate", learning_rate)
    return ("fit", "table.csv", *model, *OPTIONS, *SETTINGS, *options)


def test_torchrun_trains_one_model_together(folder: Path, cli: Cli) -> None:
    options = ("--weight", "weight", "--class-weights", "balanced", "--epochs", 3)
    options += ("--trainer", "gradient_accumulation_steps=2")
    process = torchrun(2, *fit("together", *options), folder=folder)
    said, error = process.communicate(timeout=100)
    assert process.returncode == 0, error
    code, alone, _ = cli(*fit("alone", *options))
    assert code == 0

    one, two = (load_file(folder / name / "model.safetensors") for name in ("alone", "together"))
    torch.testing.assert_close(two, one, rtol=0, atol=1e-6)
    before = load_file(folder / "bert" / "model.safetensors")["bert.encoder.layer.1.output.dense.weight"]
    assert (one["bert.encoder.layer.1.output.dense.weight"] - before).abs().max() > 1e-4
    scores = [[line for line in text.splitlines() if line.startswith("on ")] for text in (said, alone)]
    assert scores[0] == scores[1] != []
    assert error.count("2 processes train together: each computes its rows of every batch") == 1
    (stage,) = json.loads((folder / "together" / "run.json").read_text())["stages"]
    assert stage["num_processes"] == 2
    assert not list(folder.glob("*.unfinished"))


@pytest.mark.slow
def test_a_run_of_a_killed_launcher_is_gone_on_with_by_any_number_of_processes(folder: Path, cli: Cli) -> None:
    options = ("--epochs", 60)
    assert cli(*fit("alone", *options))[0] == 0
    process = torchrun(2, *fit("killed", *options), folder=folder)
    work = folder / "killed.unfinished"
    wait_for(lambda: any(path.stat().st_size for path in work.rglob("metrics.jsonl")))
    os.kill(child(process.pid, rank=1), signal.SIGKILL)
    _, error = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Signal 9" in error
    assert work.is_dir()
    assert cli(*fit("killed", *options))[0] == 0
    one, two = (load_file(folder / name / "model.safetensors") for name in ("alone", "killed"))
    torch.testing.assert_close(two, one, rtol=0, atol=1e-5)


FAILS = """
import os
if os.environ["RANK"] == "1":
    from headstart.experiments.run_data import RunData
    def tokens(self, which):
        raise ValueError("this process has no tokens")
    RunData.tokens = tokens
from headstart.cli.main import main
main()
"""


@pytest.mark.slow
def test_a_process_that_fails_alone_says_why_and_ends_all(folder: Path) -> None:
    (folder / "fails.py").write_text(FAILS)
    process = torchrun(2, *fit("failed"), folder=folder, program=("fails.py",))
    _, error = process.communicate(timeout=100)
    assert process.returncode != 0
    assert "headstart: process 1 of 2: Traceback" in error
    assert "ValueError: this process has no tokens" in error
    assert not (folder / "failed").exists()


@pytest.mark.slow
def test_what_all_processes_see_is_said_once(folder: Path) -> None:
    process = torchrun(2, *fit("diverged", "--epochs", 2, learning_rate=1e30), folder=folder)
    _, error = process.communicate(timeout=100)
    assert process.returncode != 0
    assert error.count("the run ended as diverged") == 1
    assert "process 1 of 2" not in error


@pytest.fixture
def in_two(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Call the command as the first of a launcher's two processes would; returns why it is refused."""
    monkeypatch.chdir(folder)
    for name, value in {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}.items():
        monkeypatch.setenv(name, str(value))

    def call(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["headstart", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            app()
        assert end.value.code == 2
        return " ".join(capsys.readouterr().err.split())

    return call


def test_other_verbs_are_refused(in_two: Callable[..., str]) -> None:
    assert in_two("report", "store") == (
        "headstart: report was started in 2 processes: a launcher's are for `headstart fit` "
        "Call it without the launcher."
    )
    assert "--jobs and --executor ray do several runs at once" in in_two("compare", "table.csv")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--strategy", "auto"), "--strategy auto was started in 2 processes"),
        (("--strategy", "contrastive:rows=8"), "compares all rows of a batch"),
        (("--strategy", "finetune", "--diagnostics"), "--diagnostics measure the energy and the memory of one process"),
    ],
)
def test_what_processes_cannot_do_together_is_refused(
    options: tuple[str, ...], said: str, in_two: Callable[..., str]
) -> None:
    assert said in in_two("fit", "table.csv", "--model", "bert", *OPTIONS, *options)


def test_processes_on_several_machines_are_refused(in_two: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    assert "are on several machines" in in_two(*fit("out"))


def test_one_of_several_gpus_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launching.device_line(launched(), "cpu") is None
    with patch.object(launching, "num_gpus", lambda: 4):
        assert launching.device_line(launched(), "cpu") is None
        line = launching.device_line(launched(), "cuda")
        assert launching.trials_line("cuda", 1) == "on 1 of the 4 GPUs here: `--jobs 4` has a trial on each"
        assert launching.trials_line("cuda", 4) is launching.trials_line("cpu", 1) is None
    assert line is not None
    assert line.startswith("on one of the 4 GPUs here: `torchrun --nproc-per-node 4 -m headstart fit ...`")


def wait_for(holds: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def child(parent: int, *, rank: int) -> int:
    """Return the process of a launcher that has a rank."""
    for folder in Path("/proc").iterdir():
        try:
            is_child = int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == parent
            if is_child and f"\0RANK={rank}\0" in f"\0{(folder / 'environ').read_text()}":
                return int(folder.name)
        except (OSError, ValueError):
            continue
    raise AssertionError(f"no process of rank {rank}")
