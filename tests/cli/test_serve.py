"""`headstart serve`: what cannot be served is refused with the way on, and what can is served without torch."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

from headstart.artifacts.folder_checks import INFO_FILE
from headstart.artifacts.push import pack, push
from headstart.artifacts.push_options import PushOptions
from headstart.option import MEANING
from headstart.serving import PACKAGES, ServeOptions
from tests.cli.conftest import Cli

LACKING = "the extra 'serve' is not installed"


@pytest.fixture
def _installed() -> None:
    for package in (*PACKAGES, "onnx"):
        pytest.importorskip(package, reason=LACKING)


@pytest.mark.usefixtures("_installed")
def test_the_options_are_those_of_the_runtime() -> None:
    from headstart_runtime.server import options

    def described(kind: type, meaning: str) -> list[tuple[object, ...]]:
        hints = get_type_hints(kind)
        return [(each.name, hints[each.name], each.default, each.metadata[meaning]) for each in fields(kind)]

    assert described(ServeOptions, MEANING) == described(options.ServeOptions, options.MEANING)


@pytest.mark.usefixtures("_installed")
def test_what_cannot_be_served_is_refused_with_the_way_on(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    code, _, err = cli("serve", "m")
    assert (code, "m is not a folder that" in err) == (2, True)
    assert "headstart export m " not in err
    (tmp_path / "m" / INFO_FILE).write_text("{}")
    code, _, err = cli("serve", "m")
    assert code == 2
    assert "headstart export m --format onnx --out m-onnx" in err
    code, _, err = cli("serve", "m", "n/m")
    assert (code, "two models are called m" in err) == (2, True)
    code, _, err = cli("serve", "a=m", "--max-wait-s", "0")
    assert (code, "--max-wait-s is above 0" in err) == (2, True)
    code, _, err = cli("serve", "a=m", "--max-request-rows", "9", "--max-waiting-rows", "8")
    assert (code, "--max-request-rows (9) is more than --max-waiting-rows (8)" in err) == (2, True)


def test_packages_that_are_missing_are_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "fastapi" else found(name))
    code, _, err = cli("serve", "m")
    assert code == 2
    assert "serving needs the extra 'serve': " in err
    assert "fastapi" in err


@pytest.mark.usefixtures("_installed")
def test_the_verb_serves_and_a_port_that_is_taken_is_said(cli: Cli, tmp_path: Path) -> None:
    from tests.support.served import serving, write_exported

    folder, log = write_exported(tmp_path / "tiny"), tmp_path / "log.txt"
    without = "import sys; sys.modules['torch'] = None; from headstart.cli.main import main; main()"
    with serving([str(folder)], log, command=("-c", without, "serve")) as served:
        reply = served.ask("/predict", {"texts": "a cat"})
        assert (reply.status, reply.json["model"]) == (200, "tiny")
        code, _, err = cli("serve", folder, "--port", served.port)
        assert (code, f"cannot listen on 127.0.0.1, port {served.port}" in err) == (2, True)
        assert served.stop() == 0
    assert log.read_text() == ""


@pytest.mark.usefixtures("_installed")
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
def test_a_model_of_the_hub_is_served_by_its_name(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support.hub import environment, use_hub
    from tests.support.hub_server import OWNER, running_hub
    from tests.support.saved import save_example
    from tests.support.served import serving, write_exported

    name, log = f"{OWNER}/tiny", tmp_path / "log.txt"
    with running_hub() as hub:
        use_hub(hub, monkeypatch, tmp_path / "cache")
        push(pack(write_exported(tmp_path / "tiny")), name, PushOptions())
        push(pack(save_example(tmp_path)), f"{OWNER}/torch", PushOptions())
        code, _, err = cli("serve", f"{OWNER}/torch")
        assert code == 2
        assert re.search(rf"headstart export {OWNER}/torch@[0-9a-f]{{40}} --format onnx --out FOLDER", err)
        for variable, value in environment(hub, tmp_path / "home").items():
            monkeypatch.setenv(variable, value)
        with serving([f"cats={name}@main"], log, command=("-m", "headstart", "serve")) as served:
            assert served.ask("/predict", {"texts": "a cat"}).json["model"] == "cats"
            assert served.process.stdout is not None
            commit = hub.repositories[name].references["main"]
            assert served.process.stdout.readline() == f"the model is {name}@{commit}\n"
            assert served.stop() == 0
