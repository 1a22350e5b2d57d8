"""Records, digests and messages do not depend on the order of sets, which Python draws anew for each process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.contents import MEASURED
from tests.support.paths import REPOSITORY
from tests.support.runs import tiny_rows
from tests.support.stores import fail, make_record, write_store

CheckpointMaker = Callable[..., Path]
CALLS = "import sys; from headstart.cli.main import app\nfor call in {calls!r}: app(call, standalone_mode=False)"


def said(calls: list[list[str]], folder: Path, hash_seed: int) -> str:
    """Return what calls print one after the other in a process of this hash seed, in a folder of its own."""
    paths = os.pathsep.join((str(REPOSITORY / "src"), str(REPOSITORY)))
    environment = os.environ | {"PYTHONPATH": paths, "PYTHONHASHSEED": str(hash_seed), "HF_HUB_OFFLINE": "1"}
    found = subprocess.run(
        [sys.executable, "-c", CALLS.format(calls=calls)],
        cwd=folder,
        env=environment | {"OMP_NUM_THREADS": "1", "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout + found.stderr


def without_times(value: Any) -> Any:
    """Return a JSON value, its keys in their order, with 0 for what differs from call to call."""
    if isinstance(value, dict):
        return {key: 0 if any(word in key for word in MEASURED) else without_times(each) for key, each in value.items()}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def recorded(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file but for times, and but for the checksums of files that have times in them."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "checksums.json":
            content = path.read_bytes()
            if path.suffix in (".json", ".jsonl"):
                lines = content.splitlines() if path.suffix == ".jsonl" else [content]
                content = "\n".join(json.dumps(without_times(json.loads(line))) for line in lines).encode()
            found[str(path.relative_to(folder))] = content
    return found


def test_what_is_read_from_tables_and_records_is_said_in_one_order(tmp_path: Path) -> None:
    strategies = ("finetune", "lp_ft", "eh_ft(lora)", "soup", "mixout")
    records = [
        make_record(label, seed, 0.7 + 0.01 * place + 0.003 * seed * (-1) ** place)
        for place, label in enumerate(strategies)
        for seed in range(4)
    ]
    store = write_store(tmp_path / "runs", [*records, fail(make_record("lp_ft", 4))])
    labels = ("great", "fine", "calm", "fine;calm", "bad", "awful", "so-so")
    rows = "".join(f"{text},{labels[place % 7]},{place % 5}\n" for place, (text, _) in enumerate(tiny_rows(60)))
    (tmp_path / "rows.csv").write_text(f"text,label,group\n{rows}")
    calls = [
        ["inspect", "rows.csv", "--label", "label", "--json"],
        ["report", str(store), "--format", "json"],
        ["report", str(store), "--out", "report.html"],
        ["plan", str(store)],
    ]
    first = said(calls, tmp_path, 1), (tmp_path / "report.html").read_bytes()
    second = said(calls, tmp_path, 2), (tmp_path / "report.html").read_bytes()
    assert first == second


@pytest.mark.slow
def test_runs_leave_the_same_bytes(tiny_checkpoint: CheckpointMaker, tmp_path: Path) -> None:
    """Of strategies that name layers, average weights, start from several places and drop gradients."""
    rows = "".join(f"{text},{('bad', 'good')[label]}\n" for text, label in tiny_rows(40))
    short = ["--steps", "4", "--batch-size", "4", "--max-length", "24", "--precision", "fp32", "-q"]
    strategies = "eh_ft,soup,gradual_unfreezing,layerwise_decay,child_tuning,reinit,linear_probe"
    table = ["rows.csv", "--model", str(tiny_checkpoint("bert"))]
    calls = [
        ["compare", *table, "--strategies", strategies, "--seeds", "1", "--store", "runs", *short],
        ["compare", *table, "--strategies", "eh_ft", "--adapters", "bitfit,adalora", "--store", "runs", *short],
        ["fit", *table, "--strategy", "eh_ft", "--out", "model", *short],
    ]
    found = []
    for hash_seed in (1, 2):
        folder = tmp_path / str(hash_seed) / "work"
        folder.mkdir(parents=True)
        (folder / "rows.csv").write_text(f"text,label\n{rows}")
        said(calls, folder, hash_seed)
        found.append(recorded(folder))
    assert found[0].keys() == found[1].keys()
    assert [name for name, content in found[0].items() if content != found[1][name]] == []
