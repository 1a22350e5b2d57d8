"""`headstart verify` as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path

from headstart.artifacts.model_folder import save_model_folder
from headstart.search.asked import Asked
from headstart.search.decisions import write_decision
from headstart.store.layout import ASKED_FILE
from headstart.store.local import LocalStore
from tests.cli.conftest import Cli
from tests.conftest import CheckpointMaker
from tests.support.saved import make_example
from tests.support.stores import make_record


def write_store(folder: Path) -> LocalStore:
    store = LocalStore(folder)
    for seed in range(3):
        store.finish(make_record(experiment="abc", seed=seed))
    return store


def test_a_whole_store_is_said_to_be_whole(cli: Cli, tmp_path: Path) -> None:
    write_store(tmp_path / "runs")
    code, out, err = cli("verify", "runs")
    assert (code, err) == (0, "")
    assert out.startswith("runs: every byte is as it was written (3 files, ")
    code, out, _ = cli("verify", "runs/abc/seed-1", "--json")
    assert (code, json.loads(out)["kind"], json.loads(out)["num_files"]) == (0, "run", 1)


def test_damage_is_named_and_the_way_on_is_said(cli: Cli, tmp_path: Path) -> None:
    store = write_store(tmp_path / "runs")
    path = store.run_folder("abc", 1).run_json
    path.write_text(path.read_text().replace("0.75", "0.95"))
    (store.run_folder("abc", 2).folder / "checksums.json").unlink()
    code, out, _ = cli("verify", "runs")
    assert code == 1
    first, second, remedy, older = out.splitlines()
    assert first == "runs/abc/seed-1/run.json: its bytes changed"
    assert second.startswith("1 file of runs damaged (2 files, ")
    assert "Remove the folder" in remedy
    assert older == "no checksums.json in runs/abc/seed-2: an older headstart wrote none, or it is lost"
    code, out, _ = cli("verify", "runs", "--json")
    assert code == 1
    assert json.loads(out)["damages"] == [{"file": "runs/abc/seed-1/run.json", "what": "its bytes changed"}]
    assert json.loads(out)["without_checksums"] == ["runs/abc/seed-2"]


def test_of_a_damaged_search_the_way_on_is_its_own(cli: Cli, tmp_path: Path) -> None:
    store = write_store(tmp_path / "race")
    asked = store.root / ASKED_FILE
    write_decision(asked, Asked(rows="a", model="b", options={}))
    asked.write_text(asked.read_text().replace('"a"', '"c"'))
    code, out, _ = cli("verify", "race")
    assert code == 1
    assert "race/asked.json: its bytes changed" in out
    assert "headstart compare" not in out
    assert "Copy the folder anew" in out


def test_every_verb_that_reads_a_model_refuses_a_damaged_one(
    cli: Cli, tmp_path: Path, tiny_checkpoint: CheckpointMaker
) -> None:
    example = make_example(tiny_checkpoint("bert"))
    save_model_folder(example.classifier, example.tokenizer, tmp_path / "model", info=example.info)
    (tmp_path / "rows.csv").write_text("text,verdict\nthe cat,bad\nthe dog,good\n")
    weights = tmp_path / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    for call in (
        ("verify", "model"),
        ("predict", "model", "rows.csv", "--out", "out.csv"),
        ("evaluate", "model", "rows.csv"),
        ("doctor", "model"),
    ):
        code, out, err = cli(*call)
        assert code == 1, call
        assert "model.safetensors" in out + err
        assert "its bytes changed" in out + err
        assert "headstart export" in out + err
    assert {path.name for path in tmp_path.iterdir()} == {"model", "rows.csv"}


def test_a_change_of_ones_own_is_taken_up(cli: Cli, tmp_path: Path, tiny_checkpoint: CheckpointMaker) -> None:
    example = make_example(tiny_checkpoint("bert"))
    save_model_folder(example.classifier, example.tokenizer, tmp_path / "model", info=example.info, card="# One\n")
    (tmp_path / "model" / "README.md").write_text("# Two\n")
    assert cli("verify", "model")[0] == 1
    assert cli("verify", "model", "--renew")[0] == 0
    assert cli("verify", "model")[0] == 0
    code, _, err = cli("verify", ".", "--renew")
    assert code == 2, err
