"""Make `stores/schema-N` and `models/schema-N` with the headstart on the path; README.md says how and when."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import shutil
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch

from headstart.cli.main import main
from headstart.errors import HeadstartError
from headstart.store.schema import SCHEMA_VERSION
from headstart.training.trainer import StageTrainer
from tests.support import tiny
from tests.support.runs import tiny_rows

HERE = Path(__file__).parent
DATA = ("--text", "text", "--label", "label", "--model", "tiny", "--precision", "fp32")
SHORT = ("--steps", "30", "--batch-size", "4", "--max-length", "16", "--quiet")
FAST = ("--learning-rate", "0.02")

RUN_FIELDS = (
    "experiment_digest",
    "seed",
    "status",
    "label",
    "scores",
    "failed_stage",
    "failed_step",
    "error",
)
ROW_FIELDS = ("task", "label", "experiment_digest", "scores", "num_diverged", "num_errors", "difference")


def headstart(*arguments: object) -> str:
    """Call the command line; return what it prints."""
    sys.argv = ["headstart", *map(str, arguments)]
    with redirect_stdout(io.StringIO()) as output:
        try:
            main()
        except SystemExit as exit_:
            print(" ".join(sys.argv), "->", exit_.code, file=sys.stderr)
    return output.getvalue()


def make_inputs() -> None:
    """Write a model of some twenty kilobytes and two tables into the working folder."""
    tiny.WORDS, tiny.LETTERS, tiny.MAX_TOKENS = "bad good cat dog horse king queen tree river stone bird", "aeinrst", 16
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    tiny.ARCHITECTURES["bert"] = dataclasses.replace(
        tiny.ARCHITECTURES["bert"], sizes=sizes | {"max_position_embeddings": 16}
    )
    tiny.make_checkpoint(Path("tiny"), "bert", seed=1)
    for name, seed in (("rows.csv", 0), ("other.csv", 1)):
        with Path(name).open("w", newline="", encoding="utf-8") as file:
            named = [(text, ("bad", "good")[label]) for text, label in tiny_rows(40, seed)]
            csv.writer(file).writerows([("text", "label"), *named])


def spoil(error: bool) -> None:
    """Make the third update of every later stage have no loss, or stop with an error."""
    original: Any = StageTrainer.compute_loss

    def spoiled(self: StageTrainer, *args: Any, **kwargs: Any) -> Any:
        loss = original(self, *args, **kwargs)
        if self.state.global_step < 3:
            return loss
        if error:
            raise HeadstartError("no memory left")
        return loss * float("nan")

    StageTrainer.compute_loss = spoiled  # type: ignore[method-assign]


def _pick(values: dict[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {field: values[field] for field in fields if field in values}


def _line(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False)


def make_schema() -> None:
    """Write the store, the model, and what this headstart says of them."""
    torch.set_num_threads(1)
    store, model = Path(f"schema-{SCHEMA_VERSION}"), Path("model")
    newer = ("--evaluate-on", "other.csv") if SCHEMA_VERSION > 1 else ()
    seeds = ("--until-decided", "--max-seeds", "6") if SCHEMA_VERSION > 1 else ("--seeds", "3")
    columns = ("--strategies", "finetune,eh_ft", "--adapters", "bitfit", "--stage1-fraction", "0.5")
    headstart("compare", "rows.csv", *DATA, *SHORT, *FAST, *columns, *seeds, *newer, "--store", store)
    headstart("fit", "rows.csv", *DATA, *SHORT, *FAST, "--strategy", "finetune", "--out", model)
    headstart("predict", model, "other.csv", "--out", "predictions.csv", "--precision", "fp32", "--quiet")
    original = StageTrainer.compute_loss
    for strategy, error in (("adapter", False), ("lp_ft", True)):
        spoil(error)
        with_adapter = ("--adapters", "bitfit") if strategy == "adapter" else ()
        headstart(
            "compare",
            "rows.csv",
            *DATA,
            *SHORT,
            "--strategies",
            strategy,
            *with_adapter,
            "--seeds",
            "1",
            "--store",
            store,
        )
        StageTrainer.compute_loss = original  # type: ignore[method-assign]
    as_json = ("--format", "json") if SCHEMA_VERSION > 1 else ("--json",)
    report = json.loads(headstart("report", store, *as_json))
    recorded = {
        "runs": [
            _pick(run, RUN_FIELDS) | {"others": {other["name"]: other["scores"] for other in run.get("others", ())}}
            for run in json.loads(headstart("runs", store, "--json"))
        ],
        "report": [_pick(row, ROW_FIELDS) for group in report["groups"] for row in group["rows"]],
        "plan": json.loads(headstart("plan", store, "--json"))["rows"] if SCHEMA_VERSION > 1 else [],
        "predictions": list(csv.DictReader(Path("predictions.csv").read_text(encoding="utf-8").splitlines())),
    }
    for path in store.rglob(".lock"):
        path.unlink()
    for path in store.rglob("*.json"):
        path.write_text(path.read_text(encoding="utf-8").replace(str(Path.cwd()), "/home/someone"), encoding="utf-8")
    for made, kept in ((store, HERE / "stores" / store.name), (model, HERE / "models" / store.name)):
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(made, kept)
    text = (
        "{\n"
        + ",\n".join(f'"{name}": [\n' + ",\n".join(map(_line, lines)) + "\n]" for name, lines in recorded.items())
        + "\n}"
    )
    (HERE / f"recorded-by-schema-{SCHEMA_VERSION}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="schema-") as folder:
        os.chdir(folder)
        make_inputs()
        make_schema()
