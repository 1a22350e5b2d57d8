"""`headstart export`: what makes no sense together ends with a sentence that says the way on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.support.exported import LACKING, make_folder


def test_a_run_is_first_written_as_a_model_folder(cli: Cli) -> None:
    code, _, err = cli("export", "runs", "0123/0", "--format", "onnx", "--out", "o")
    assert code == 2
    assert "headstart export runs 0123/0 --out MODEL" in err
    assert "headstart export MODEL --format onnx --out o" in err


def test_options_of_the_other_format_are_refused_in_flags(cli: Cli) -> None:
    code, _, err = cli("export", "runs", "0123/0", "--out", "o", "--quantise", "int8")
    assert code == 2
    assert "--quantise would have no effect here" in err
    code, _, err = cli("export", "m", "--out", "o", "--format", "onnx", "--quantise", "int8")
    assert code == 2
    assert "--quantise needs --check-rows" in err


def test_what_is_no_model_folder_is_refused_before_anything_is_written(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    code, _, err = cli("export", "m", "--out", "o", "--format", "onnx")
    assert code == 2
    assert "m is not a model folder of headstart" in err or "needs the extra 'onnx'" in err
    assert not (tmp_path / "o").exists()


@pytest.mark.slow
def test_a_model_folder_is_exported_and_other_verbs_say_what_it_is(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("headstart_runtime", reason=LACKING)
    folder = make_folder(tmp_path)
    code, out, err = cli("export", folder, "--out", "o", "--format", "onnx", "--json")
    assert (code, err) == (0, "")
    written = json.loads(out)
    assert (written["precision"], written["check"]["num_rows"], written["check"]["num_changed"]) == ("fp32", 48, 0)
    code, out, _ = cli("export", folder, "--out", "p", "--format", "onnx")
    assert code == 0
    assert out.startswith("model: p (fp32, ")
    assert "0 of 48 rows are answered otherwise" in out
    (tmp_path / "rows.csv").write_text("text\nthe cat\n", encoding="utf-8")
    code, _, err = cli("predict", "o", "rows.csv", "--out", "answers.csv")
    assert (code, err) == (0, "")
    code, _, _ = cli("predict", folder, "rows.csv", "--out", "wanted.csv")
    answers, wanted = (Path(name).read_text(encoding="utf-8").split(",") for name in ("answers.csv", "wanted.csv"))
    assert len(answers) == len(wanted)
    assert answers[:6] == wanted[:6]
    code, _, err = cli("export", folder, "--out", "o", "--format", "onnx")
    assert code == 2
    assert "o is there already" in err
