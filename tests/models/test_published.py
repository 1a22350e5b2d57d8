"""Where a pretrained model was published and under which licence, from what lies on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from headstart.models.embedded import EMBEDDED
from headstart.models.published import Published, published
from headstart.models.source import ModelSource


def local(folder: Path) -> ModelSource:
    return ModelSource(name=str(folder), path=folder, revision="xxh3:12")


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_models_are_known(name: str, tmp_path: Path) -> None:
    found = published(ModelSource(name=name, path=tmp_path, revision="xxh3:12"))
    assert found == Published(name=name, repository=EMBEDDED[name].repository, licence="apache-2.0")


def test_a_model_of_the_hub_has_its_own_name_and_the_licence_of_its_card(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n# A model\n")
    found = published(ModelSource(name="someone/some-bert", path=tmp_path, revision="1f2e"))
    assert found == Published(name="someone/some-bert", repository="someone/some-bert", licence="cc-by-4.0")


def test_a_local_folder_does_not_tell_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "my-bert").mkdir()
    assert published(local(tmp_path / "my-bert")) == Published(name="my-bert")


@pytest.mark.parametrize(
    "card",
    ["no metadata", "---\nlicense: [a, b]\n---\n", "---\n- a\n---\n", "---\na: [\n---\n", '---\nlicense: "x y"\n---\n'],
)
def test_a_card_that_names_no_licence_says_none(card: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(card)
    assert published(local(tmp_path)).licence is None


def test_a_card_that_is_no_text_says_none(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(b"---\nlicense: \xff\xfe\n---\n")
    assert published(local(tmp_path)).licence is None
