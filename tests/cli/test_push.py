"""`headstart push`, against a hub that stands in for the real one."""

from __future__ import annotations

import json
import shutil
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from headstart.adapters.catalogue import build_adapter
from headstart.artifacts.found_folder import find_folder
from headstart.artifacts.model_folder import save_adapter_folder
from headstart.artifacts.push import pack, push
from headstart.artifacts.push_options import PushOptions
from headstart.errors import HeadstartError
from headstart.manifest import MANIFEST_FILE, Manifest, write_manifest
from headstart.registry import Spec
from tests.cli.conftest import Cli
from tests.support.hub import use_hub
from tests.support.hub_server import LOST, OWNER, TOKEN, Hub, running_hub
from tests.support.saved import make_example, save_example
from tests.support.tiny import make_checkpoint

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
"""huggingface_hub hands its HTTP client raw bytes in a way that this one will not take for ever."""

NAME = f"{OWNER}/reviews"
COMMIT = "POST .*/commit/"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model folder, as it is finished."""
    folder = save_example(tmp_path_factory.mktemp("made"))
    (folder / "README.md").write_text("# A card\n")
    write_manifest(folder)
    return folder


@pytest.fixture
def model(made: Path, tmp_path: Path) -> Path:
    """Return a copy of it that may be changed."""
    return shutil.copytree(made, tmp_path / "model")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with running_hub() as found:
        use_hub(found, monkeypatch, tmp_path / "cache")
        yield found


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def without_beginning(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return a repository's files without the one that every repository begins with."""
    return {name: content for name, content in files.items() if name != ".gitattributes"}


def test_what_the_checksums_name_is_one_commit_of_a_private_repository(cli: Cli, model: Path, hub: Hub) -> None:
    before = contents(model)
    for name in ("notes.txt", ".env"):
        (model / name).write_text("mine alone")
    code, out, err = cli("push", model, NAME)
    assert code == 0, err
    repository = hub.repositories[NAME]
    assert repository.private
    assert without_beginning(repository.head()) == before
    assert repository.messages == ["initial commit", repository.messages[-1]]
    assert repository.messages[-1].startswith("texts.csv: finetune of source, by headstart ")
    assert f"{NAME}@{repository.references['main']}" in out
    assert "left out: notes.txt\n" in out
    assert contents(model) == before | {"notes.txt": b"mine alone", ".env": b"mine alone"}


def test_the_records_of_a_search_stay_here_and_what_is_there_is_whole(
    cli: Cli, model: Path, hub: Hub, tmp_path: Path
) -> None:
    (model / "race" / "trial").mkdir(parents=True)
    (model / "race" / "trial" / "experiment.json").write_text(json.dumps({"file": str(tmp_path / "rows.csv")}))
    write_manifest(model)
    code, out, err = cli("push", model, NAME)
    assert code == 0, err
    assert "left out: race/\n" in out
    files = without_beginning(hub.repositories[NAME].head())
    assert set(files) == {path.name for path in model.iterdir()} - {"race"}
    assert not any(str(tmp_path).encode() in content for content in files.values())
    there = find_folder(NAME).path
    manifest = Manifest.read(there)
    assert manifest is not None
    assert set(manifest.files) == set(files) - {MANIFEST_FILE}
    assert not list(manifest.damages(there))


def test_a_dry_run_lists_files_and_sizes_and_asks_nobody(
    cli: Cli, model: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    code, out, _ = cli("push", model, NAME, "--dry-run", "--public", "--message", "first")
    assert code == 0
    listed = {line.split()[1]: line.split()[0].replace(",", "") for line in out.splitlines()[: len(contents(model))]}
    assert listed == {name: str(len(content)) for name, content in contents(model).items()}
    assert f"would go to {NAME}, branch main, public: first\nnothing was sent" in out
    code, out, _ = cli("push", model, NAME, "--dry-run", "--json")
    assert json.loads(out)["files"] == {name: len(content) for name, content in contents(model).items()}
    assert hub.requests == []


def test_what_the_hub_has_is_not_committed_again_and_another_model_takes_its_place(
    cli: Cli, model: Path, hub: Hub
) -> None:
    (model / "extra.json").write_text("{}")
    write_manifest(model)
    first = contents(model)
    assert cli("push", model, NAME)[0] == 0
    assert "the hub has it already" in cli("push", model, NAME)[1]
    repository = hub.repositories[NAME]
    assert len(repository.commits) == 2
    (model / "extra.json").unlink()
    (model / "README.md").write_text("# Another card\n")
    write_manifest(model)
    repository.head()["LICENSE"] = b"not of a model, so it stays"
    assert cli("push", model, NAME, "--message", "a better card")[0] == 0
    assert without_beginning(repository.head()) == contents(model) | {"LICENSE": b"not of a model, so it stays"}
    assert without_beginning(list(repository.commits.values())[1]) == first | {"LICENSE": repository.head()["LICENSE"]}
    assert repository.messages[-1] == "a better card"


def test_a_branch_is_made_of_main_and_main_stays(cli: Cli, model: Path, hub: Hub) -> None:
    assert cli("push", model, NAME, "--public")[0] == 0
    repository = hub.repositories[NAME]
    assert not repository.private
    main = repository.references["main"]
    (model / "README.md").write_text("# A second version\n")
    write_manifest(model)
    assert cli("push", model, NAME, "--public", "--revision", "v2")[0] == 0
    assert repository.references["main"] == main
    assert repository.head("v2")["README.md"] == b"# A second version\n"


@pytest.mark.parametrize("fault", [503, LOST])
def test_a_lost_answer_makes_no_second_commit(fault: int | str, cli: Cli, model: Path, hub: Hub) -> None:
    hub.faults[COMMIT] = [fault]
    code, _, err = cli("push", model, NAME)
    assert code == 0, err
    repository = hub.repositories[NAME]
    assert len(repository.commits) == 2
    assert without_beginning(repository.head()) == contents(model)


def test_a_lost_answer_is_made_out_where_files_were_removed_too(cli: Cli, model: Path, hub: Hub) -> None:
    (model / "extra.json").write_text("{}")
    write_manifest(model)
    assert cli("push", model, NAME)[0] == 0
    (model / "extra.json").unlink()
    write_manifest(model)
    hub.faults[COMMIT] = [LOST]
    code, _, err = cli("push", model, NAME)
    assert code == 0, err
    assert len(hub.repositories[NAME].commits) == 3
    assert without_beginning(hub.repositories[NAME].head()) == contents(model)


def test_a_push_that_failed_goes_on(cli: Cli, model: Path, hub: Hub) -> None:
    hub.faults[COMMIT] = [503, 503]
    code, _, err = cli("push", model, NAME)
    assert code == 1
    assert f"the hub answered with an error (503) for {NAME}" in err
    assert f"Done so far: {NAME} was made, private, without a model." in err
    assert "The same command goes on" in err
    hub.faults[COMMIT] = [LOST, LOST]  # the second one finds that there is nothing left to do
    assert cli("push", model, NAME)[0] == 0
    assert without_beginning(hub.repositories[NAME].head()) == contents(model)
    sent = [request for request in hub.requests if request.startswith("PUT /large/")]
    assert len(sent) == len(set(sent)), "weights that the hub had were sent again"


@pytest.mark.parametrize(
    ("faults", "code", "said", "remedy"),
    [
        ({"GET /api/models": [401]}, 2, "does not accept the token", "hf auth login"),
        ({COMMIT: [401]}, 2, "does not accept the token", "HF_TOKEN"),
        ({"POST /api/repos/create": [403]}, 2, "does not let this token write", "give HF_TOKEN a token that may"),
        ({"POST /api/repos/create": [409]}, 2, "was changed by somebody else", "call the same command again"),
        ({"POST /api/repos/create": [429]}, 1, "answered with an error (429)", "The same command goes on"),
        ({COMMIT: [412]}, 2, "was changed by somebody else", "was made, private, without a model"),
        ({COMMIT: [400]}, 2, "(400)", "was made, private"),
        ({"PUT /large": [403, 403]}, 2, "does not let this token write", "was made, private"),
        ({"GET /api/models": [LOST]}, 1, "could not be reached, or the connection broke", "The same command goes on"),
    ],
)
def test_what_goes_wrong_is_said_with_the_way_on_and_without_the_token(
    faults: dict[str, list[int | str]], code: int, said: str, remedy: str, cli: Cli, model: Path, hub: Hub
) -> None:
    hub.faults = faults
    found, out, err = cli("push", model, NAME)
    assert (found, out) == (code, "")
    assert said in err
    assert remedy in err
    assert TOKEN not in err
    assert TOKEN not in _all_text(model.parent)


@pytest.mark.parametrize("status", [400, 401, 403, 409, 500])
def test_no_error_holds_the_token(status: int, model: Path, hub: Hub) -> None:
    hub.faults[COMMIT] = [status, status]
    with pytest.raises(HeadstartError) as caught:
        push(pack(model), NAME, PushOptions())
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_another_owners_repository_is_refused(cli: Cli, model: Path, hub: Hub) -> None:
    code, _, err = cli("push", model, "somebody/reviews")
    assert code == 2
    assert "does not let this token write to somebody/reviews" in err
    assert "You don't have the rights" in err


def test_without_a_token_nothing_is_asked(
    cli: Cli, model: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    code, _, err = cli("push", model, NAME)
    assert code == 2
    assert "there is no token\n  Run `hf auth login`, or set the environment variable HF_TOKEN" in err
    assert hub.requests == []


def test_a_repository_of_something_else_is_left_alone(cli: Cli, model: Path, hub: Hub) -> None:
    repository = hub.repository(NAME)
    repository.commit("main", {"pytorch_model.bin": b"mine"}, "my own")
    code, _, err = cli("push", model, NAME)
    assert code == 2
    assert f"{NAME} exists and holds something else than a model of headstart: pytorch_model.bin" in err
    assert len(repository.commits) == 2


@pytest.mark.parametrize(
    ("private", "options", "said"),
    [(False, (), "is public: everybody could read"), (True, ("--public",), "is private, so --public would have no")],
)
def test_who_may_read_is_never_a_surprise(
    private: bool, options: tuple[str, ...], said: str, cli: Cli, model: Path, hub: Hub
) -> None:
    repository = hub.repository(NAME, private=private)
    code, _, err = cli("push", model, NAME, *options)
    assert code == 2
    assert said in err
    assert len(repository.commits) == 1


def test_what_the_hub_leaves_out_is_found(cli: Cli, model: Path, hub: Hub) -> None:
    hub.repository(NAME).ignored = ("head.json",)
    code, _, err = cli("push", model, NAME)
    assert code == 1
    assert "the hub did not take head.json" in err
    assert ".gitignore" in err


@pytest.mark.parametrize("name", ["README.md", "model.safetensors", MANIFEST_FILE])
def test_a_changed_file_is_refused_before_anything_is_asked(name: str, cli: Cli, model: Path, hub: Hub) -> None:
    content = (model / name).read_bytes()
    (model / name).write_bytes(content[:-3] + b"!" + content[-2:])
    code, _, err = cli("push", model, NAME)
    assert code == 1
    assert f"{name} is damaged" in err
    assert hub.requests == []


@pytest.mark.parametrize("name", ["reviews", "team/", "team/a--b", "team/a.git", "a/b/c", "team/reviews@v2"])
def test_a_name_that_no_repository_has_is_refused(name: str, cli: Cli, model: Path) -> None:
    code, _, err = cli("push", model, name, "--dry-run")
    assert code == 2
    assert "is no name of a repository" in err or "names a revision" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [(("--revision", "a..b"), "--revision was given as 'a..b'"), (("--message", " "), "--message is empty")],
)
def test_options_that_nothing_can_have_are_refused(options: tuple[str, ...], said: str, cli: Cli, model: Path) -> None:
    code, _, err = cli("push", model, NAME, "--dry-run", *options)
    assert code == 2
    assert said in err


def test_an_adapter_whose_base_nobody_else_has_is_refused(cli: Cli, tmp_path: Path, hub: Hub) -> None:
    example = make_example(make_checkpoint(tmp_path / "base", "bert"), adapter="prefix")
    attached = build_adapter(Spec.parse("prefix")).attach(example.classifier, seed=0)
    folder = tmp_path / "adapter"
    save_adapter_folder(attached, example.classifier, example.tokenizer, folder, info=example.info)
    code, _, err = cli("push", folder, NAME)
    assert code == 2
    assert "the pretrained model that it stands on is on this machine alone" in err
    assert hub.requests == []


def _all_text(folder: Path) -> str:
    return "\n".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file())
