"""Model folders and pretrained models by their names on a hub that stands in for the real one."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import headstart as hs
from headstart.artifacts.found_folder import find_folder
from headstart.artifacts.push import pack, push
from headstart.artifacts.push_options import PushOptions
from headstart.errors import DamageError, MachineError, UsageError
from headstart.manifest import write_manifest
from headstart.models.published import published
from headstart.models.source import resolve_model
from tests.support.hub import use_hub
from tests.support.hub_server import OWNER, TOKEN, Hub, Repository, running_hub
from tests.support.saved import save_example

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

NAME = f"{OWNER}/reviews"
TEXTS = ["the cat sees", "every dog runs and runs", "not a bird"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_example(tmp_path_factory.mktemp("made"))
    (folder / "README.md").write_text("# A card\n")
    write_manifest(folder)
    return folder


@pytest.fixture(scope="module")
def pushed(model: Path) -> Iterator[Hub]:
    """Yield a hub to which a model was pushed."""
    with ExitStack() as stack:
        monkeypatch = stack.enter_context(pytest.MonkeyPatch.context())
        hub = stack.enter_context(running_hub())
        use_hub(hub, monkeypatch, model.parent / "cache-of-push")
        push(pack(model), NAME, PushOptions())
        yield hub


@pytest.fixture
def hub(pushed: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hub:
    """Return it, with an empty cache."""
    use_hub(pushed, monkeypatch, tmp_path / "cache")
    return pushed


@pytest.fixture
def repository(hub: Hub) -> Iterator[Repository]:
    """Yield the repository; what a test changes in it is undone."""
    found = hub.repositories[NAME]
    references, commits = dict(found.references), dict(found.commits)
    yield found
    found.references, found.commits = references, commits


def test_a_branch_a_tag_and_a_hash_are_one_commit_and_answer_as_the_folder_did(
    model: Path, repository: Repository
) -> None:
    commit = repository.references["v1.0"] = repository.references["main"]
    for name in (NAME, f"{NAME}@main", f"{NAME}@v1.0", f"{NAME}@{commit}"):
        found = find_folder(name)
        assert found.pinned == f"{NAME}@{commit}"
        assert {path.name for path in found.path.iterdir()} == {path.name for path in model.iterdir()}
    loaded = hs.load(f"{NAME}@v1.0")
    assert loaded.card == "# A card\n"
    assert (loaded.predict(TEXTS).answers == hs.load(model).predict(TEXTS).answers).all()


def test_what_was_fetched_is_found_without_a_network(
    hub: Hub, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repository.references["main"]
    find_folder(NAME)
    num_requests = len(hub.requests)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for name in (NAME, f"{NAME}@main", f"{NAME}@{commit}"):
        assert find_folder(name).pinned == f"{NAME}@{commit}"
        assert resolve_model(name).revision == commit
    assert len(hub.requests) == num_requests
    with pytest.raises(UsageError, match="hub could not be reached"):
        find_folder(f"{NAME}@v9")


def test_a_pretrained_model_is_pinned_by_the_commit_that_a_branch_was(repository: Repository) -> None:
    first = repository.references["main"]
    source = resolve_model(f"{NAME}@main")
    assert (source.name, source.revision, source.path.name) == (f"{NAME}@main", first, first)
    assert published(source).repository == NAME
    second = repository.commit("main", repository.head() | {"README.md": b"# Another\n"}, "another card")
    assert resolve_model(f"{NAME}@main").revision == second
    assert resolve_model(source.name, revision=source.revision) == source


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_file_that_is_not_as_it_was_pushed_is_named(name: str, repository: Repository) -> None:
    content = bytearray(repository.head()[name])
    content[-3] ^= 1
    repository.commit("main", repository.head() | {name: bytes(content)}, "by hand")
    for find in (find_folder, resolve_model):
        with pytest.raises(DamageError, match=rf"(?s){re.escape(name)} is damaged: its bytes changed.*them again"):
            find(f"{NAME}@main")


def test_a_file_that_is_not_there_is_named(repository: Repository) -> None:
    files = {name: content for name, content in repository.head().items() if name != "head.json"}
    repository.commit("main", files, "by hand")
    with pytest.raises(DamageError, match=r"head\.json is damaged: it is missing"):
        find_folder(NAME)


def test_only_what_the_checksums_name_is_fetched(repository: Repository) -> None:
    repository.commit("main", repository.head() | {"modeling.py": b"raise SystemExit", "a.bin": b"\x80"}, "by hand")
    names = {path.name for path in find_folder(NAME).path.iterdir()}
    assert "model.safetensors" in names
    assert not {"modeling.py", "a.bin", ".gitattributes"} & names


def test_code_is_not_fetched_though_the_checksums_name_it(model: Path, repository: Repository, tmp_path: Path) -> None:
    folder = shutil.copytree(model, tmp_path / "with-code")
    (folder / "modeling.py").write_text("raise SystemExit")
    write_manifest(folder)
    repository.commit("main", {path.name: path.read_bytes() for path in folder.iterdir()}, "with code")
    with pytest.raises(DamageError, match=r"modeling\.py is damaged: it is missing"):
        find_folder(NAME)
    assert list((tmp_path / "cache").rglob("*.safetensors"))
    assert not list((tmp_path / "cache").rglob("*.py"))


def test_what_is_no_model_folder_of_ours_is_refused_with_the_way_on(repository: Repository) -> None:
    files = repository.head()
    repository.commit("other", {name: files[name] for name in ("config.json", "model.safetensors")}, "by others")
    with pytest.raises(UsageError, match=r"(?s)not a model folder of headstart.*`headstart fit` as `model`"):
        find_folder(f"{NAME}@other")
    assert resolve_model(f"{NAME}@other").revision == repository.references["other"]


def test_a_folder_for_onnxruntime_is_read_where_the_cache_has_links_to_its_files(hub: Hub, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the extra 'onnx' is not installed")
    from headstart_runtime.model import load
    from tests.support.served import write_exported

    folder = write_exported(tmp_path / "exported")
    name = f"{OWNER}/for-onnxruntime"
    push(pack(folder), name, PushOptions())
    found = find_folder(name)
    assert (found.path / "model.onnx").is_symlink()
    assert (load(found.path).predict_proba(TEXTS) == load(folder).predict_proba(TEXTS)).all()


def test_what_the_hub_refuses_is_said_without_the_token(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"no revision 'v9'[\s\S]*a branch, a tag or a full commit hash"):
        find_folder(f"{NAME}@v9")
    with pytest.raises(UsageError, match="no model 'team/nothing'"):
        find_folder("team/nothing")
    hub.faults["GET /api/models"] = [503]
    with pytest.raises(MachineError, match=r"answered with an error \(503\)") as failed:
        find_folder(NAME)
    assert TOKEN not in str(failed.value)
    monkeypatch.setenv("HF_TOKEN", "hf_AnotherToken")
    with pytest.raises(UsageError, match="does not accept the token") as refused:
        find_folder(NAME)
    assert "hf_AnotherToken" not in str(refused.value)
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/no/such/file")
    with pytest.raises(UsageError, match=r"If it is a private one: run `hf auth login`"):
        find_folder(NAME)


def test_a_folder_here_goes_before_a_name_on_the_hub(
    hub: Hub, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / OWNER).mkdir()
    (tmp_path / NAME).symlink_to(model)
    num_requests = len(hub.requests)
    assert find_folder(NAME).path == Path(NAME)
    assert find_folder("reviews").path == Path("reviews"), "a name without an owner is a folder's"
    assert len(hub.requests) == num_requests
