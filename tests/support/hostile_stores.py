"""Stores of a stranger: each is a good one in which one thing is meant to harm whoever reads it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from headstart.manifest import FileMark, Manifest, write_manifest
from tests.support.tiny import make_checkpoint
from tests.support.trap import set_trap

Change = Callable[[Path, Path], None]
"""Change a store in place; the second folder lies beside it and belongs to somebody else."""

NESTED = '{"a":' * 100_000 + "1" + "}" * 100_000
ESCAPES = "\x1b]0;owned\x07\x1b[31m<script>owned()</script>"


def run_folder(store: Path) -> Path:
    """Return the folder of the run of EH-FT."""
    return next(iter(sorted(store.glob("*/seed-0/1-adapter")))).parent


def in_experiment(change: Callable[[dict[str, Any]], Any]) -> Change:
    """Change the stored experiment and write its checksum anew; it says the digest that its folder has."""

    def make(store: Path, _: Path) -> None:
        path = run_folder(store).parent / "experiment.json"
        values = json.loads(path.read_text())
        change(values)
        values["experiment"]["recorded_digest"] = path.parent.name
        path.write_text(json.dumps(values))
        Manifest({path.name: FileMark.of(path)}).write(path.parent)

    return make


def in_run(**values: Any) -> Change:
    """Change the record of a run, and write its checksums anew."""

    def make(store: Path, _: Path) -> None:
        path = run_folder(store) / "run.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))
        write_manifest(path.parent)

    return make


def override(**values: Any) -> Change:
    """Give the engine an option."""
    given = [{"field": name, "value": value, "stage": None} for name, value in values.items()]
    return in_experiment(lambda found: found["experiment"]["training"].update(overrides=given))


def with_file(name: str, text: str) -> Change:
    """Put a text in place of a file of the run, and write its checksums anew."""

    def make(store: Path, _: Path) -> None:
        (run_folder(store) / name).write_text(text)
        write_manifest(run_folder(store))

    return make


def instead(name: str, put: Callable[[Path, Path], object]) -> Change:
    """Put something else in place of a file or folder of the run."""

    def make(store: Path, outside: Path) -> None:
        path = run_folder(store) / name
        if path.is_dir():
            for part in sorted(path.rglob("*"), reverse=True):
                part.rmdir() if part.is_dir() else part.unlink()
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        put(path, outside)

    return make


def _stage(**values: Any) -> Change:
    return in_experiment(lambda found: found["experiment"]["plan"][0].update(values))


def _experiment(**values: Any) -> Change:
    return in_experiment(lambda found: found["experiment"].update(values))


def _stage_far(store: Path, outside: Path) -> None:
    _stage(name="x" + "/.." * 30 + str(outside.resolve()) + "/stage")(store, outside)


def _trapped_model(store: Path, outside: Path) -> None:
    make_checkpoint(outside / "trap", "bert")
    set_trap(outside / "trap", in_config=True)
    _experiment(model=str(outside / "trap"))(store, outside)


def _many_rows(store: Path, _: Path) -> None:
    table = pa.table({"row": pa.array([0]).take(pa.array([0] * 3_000_000)), "answer": pa.nulls(3_000_000, pa.int64())})
    pyarrow.parquet.write_table(table, run_folder(store) / "predictions.validation.parquet")
    write_manifest(run_folder(store))


def _names_outside(store: Path, _: Path) -> None:
    path = run_folder(store) / "checksums.json"
    values = json.loads(path.read_text())
    values["files"]["../../../outside/secret.txt"] = [6, "0" * 32]
    path.write_text(json.dumps(values))


def _odd_folder(store: Path, _: Path) -> None:
    run_folder(store).parent.rename(store / "\x1b[31mfolder\n=cmd()")


def _seed_linked(store: Path, outside: Path) -> None:
    folder = run_folder(store)
    folder.rename(outside / "seed-0")
    folder.symlink_to(outside / "seed-0")


STORES: dict[str, Change] = {
    "stage name leaves": _stage(name="x/../../../../outside/stage"),
    "stage name leaves far": _stage_far,
    "stage name is absolute": _stage(name="/tmp/headstart-hostile-stage"),
    "stage name is dots": _stage(name=".."),
    "stage of many updates": _stage(num_steps=10**15),
    "output_dir": override(output_dir="../outside/output"),
    "push_to_hub": override(push_to_hub=True),
    "torch_compile": override(torch_compile=True),
    "report_to": override(report_to="wandb"),
    "deepspeed": override(deepspeed="../outside/secret.txt"),
    "digest leaves": in_run(experiment_digest="../outside"),
    "digest is absolute": in_run(experiment_digest="/tmp/headstart-hostile-digest"),
    "seed below 0": in_run(seed=-1),
    "seed without end": in_run(seed=10**30),
    "schema of the future": in_run(schema_version=99),
    "score is not a number": in_run(scores={"accuracy": float("nan"), "macro_f1": 0.5}),
    "score is a text": in_run(scores={"accuracy": ESCAPES, "macro_f1": 0.5}),
    "score is missing": in_run(scores={}),
    "task with escapes": in_run(task=ESCAPES),
    "label with escapes": in_run(label=f"=cmd()|{ESCAPES}"),
    "nested record": with_file("run.json", NESTED),
    "nested stage": with_file("1-adapter/stage.json", NESTED),
    "record is a fifo": instead("run.json", lambda path, _: os.mkfifo(path)),
    "record is endless": instead("run.json", lambda path, _: path.symlink_to("/dev/zero")),
    "metrics linked": instead("1-adapter/metrics.jsonl", lambda path, outside: path.symlink_to(outside / "secret.txt")),
    "lock linked": instead(".lock", lambda path, outside: path.symlink_to(outside / "secret.txt")),
    "stage linked": instead("1-adapter", lambda path, outside: path.symlink_to(outside)),
    "seed linked": _seed_linked,
    "model of the hub": _experiment(model="stranger/model"),
    "model with code": _trapped_model,
    "head by class": _experiment(head={"name": "os:system", "options": []}),
    "adapter by class": _experiment(adapter={"name": "peft:os.system", "options": []}),
    "wide head": _experiment(head={"name": "mlp", "options": [["hidden_size", "1000000000"]]}),
    "rows of a device": in_experiment(lambda found: found["source"].update(file="/dev/zero")),
    "many predictions": _many_rows,
    "manifest leaves": _names_outside,
    "folder with escapes": _odd_folder,
}
"""By what is wrong with each."""
