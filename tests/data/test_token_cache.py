"""The cache never changes what `tokenize` says, whatever happens to its files."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from safetensors import SafetensorError
from safetensors.numpy import save_file
from transformers import ByT5Tokenizer, PreTrainedTokenizerBase

from headstart.cache import cache_folder
from headstart.data import token_cache
from headstart.data.examples import Span, Split
from headstart.data.token_cache import cached_tokens
from headstart.data.tokenisation import TokenizedSplit, Truncation, tokenize
from headstart.errors import UsageError
from tests.support.processes import ended, start
from tests.support.tiny import make_tokenizer

SPAN = Span(text=0, begin=0, end=1)
TEXTS = Split.of(texts=tuple((f"a cat {'sees ' * (row % 9)}it",) for row in range(40)), labels=(0, 1) * 20)
SPLITS = {
    "texts": TEXTS,
    "pairs": Split(texts=(("a dog", "a cat"), ("a", "it is cold"))),
    "choices": Split.of(
        texts=(("a dog",), ("a",)), choices=(("barks", "sings"), ("one", "two", "three")), labels=(1, 2)
    ),
    "spans": Split.of(texts=(("a dog", "a cat"),), spans=((SPAN, replace(SPAN, text=1, begin=2, end=5)),)),
    "several labels": Split.of(texts=(("a",), ("b",)), labels=((0, 1), ())),
}


@dataclass
class Calls:
    """How often texts were really tokenised."""

    count: int = 0


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    counted = Calls()

    def counting(split: Split, tokenizer: PreTrainedTokenizerBase, **options: object) -> TokenizedSplit:
        counted.count += 1
        return tokenize(split, tokenizer, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(token_cache, "tokenize", counting)
    return counted


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def tokens_of(
    split: Split = TEXTS,
    tokenizer: PreTrainedTokenizerBase | None = None,
    *,
    max_length: int = 12,
    truncation: Truncation = "longest_first",
    stride: int = 0,
) -> TokenizedSplit:
    return cached_tokens(
        split,
        make_tokenizer("bert") if tokenizer is None else tokenizer,
        max_length=max_length,
        truncation=truncation,
        stride=stride,
        min_rows=1,
    )


def only_file(folder: Path) -> Path:
    (path,) = (path for path in folder.rglob("*") if path.is_file())
    return path


@pytest.mark.parametrize("name", SPLITS)
def test_the_cache_says_what_the_tokenizer_says(name: str, folder: Path, calls: Calls) -> None:
    split = SPLITS[name]
    expected = tokenize(split, make_tokenizer("bert"), max_length=12)
    assert tokens_of(split) == expected
    assert tokens_of(split) == expected
    assert calls.count == 1
    assert only_file(folder).suffix == ".safetensors"


def test_windows_and_what_was_truncated_are_kept(folder: Path, calls: Calls) -> None:
    for truncation, stride in (("longest_first", 0), ("window", 2)):
        expected = tokenize(TEXTS, make_tokenizer("bert"), max_length=8, truncation=truncation, stride=stride)
        assert expected.num_truncated or expected.num_sequences
        for _ in range(2):
            assert tokens_of(max_length=8, truncation=truncation, stride=stride) == expected
    assert calls.count == 2


def test_labels_are_not_part_of_the_tokens(folder: Path, calls: Calls) -> None:
    tokens_of()
    other = tokens_of(TEXTS.with_columns(labels=(1, 0) * 20))
    assert other.labels == [1, 0] * 20
    assert tokens_of(TEXTS.with_columns(labels=None)).labels is None
    assert calls.count == 1


def other_vocabulary() -> PreTrainedTokenizerBase:
    tokenizer = make_tokenizer("bert")
    tokenizer.add_tokens(["cat it"])
    return tokenizer


def cut_on_the_left() -> PreTrainedTokenizerBase:
    tokenizer = make_tokenizer("bert")
    tokenizer.truncation_side = "left"
    return tokenizer


OTHERS: dict[str, Callable[[], TokenizedSplit]] = {
    "texts": lambda: tokens_of(replace(TEXTS, texts=(("a dog",), *TEXTS.texts[1:]))),
    "order": lambda: tokens_of(replace(TEXTS, texts=TEXTS.texts[::-1])),
    "length": lambda: tokens_of(max_length=11),
    "truncation": lambda: tokens_of(truncation="head_tail"),
    "windows": lambda: tokens_of(truncation="window"),
    "stride": lambda: tokens_of(truncation="window", stride=1),
    "tokenizer": lambda: tokens_of(tokenizer=make_tokenizer("roberta")),
    "vocabulary": lambda: tokens_of(tokenizer=other_vocabulary()),
    "side": lambda: tokens_of(tokenizer=cut_on_the_left()),
    "inputs": lambda: tokens_of(tokenizer=make_tokenizer("distilbert")),
}


@pytest.mark.parametrize("name", OTHERS)
def test_whatever_changes_tokens_has_a_file_of_its_own(name: str, folder: Path, calls: Calls) -> None:
    tokens_of()
    tokens_of(truncation="window") if name == "stride" else None
    before = calls.count
    OTHERS[name]()
    assert calls.count == before + 1


def test_texts_and_choices_are_not_taken_for_each_other(folder: Path, calls: Calls) -> None:
    tokens_of(Split(texts=(("a",), ("b",))))
    tokens_of(Split.of(texts=((), ()), choices=(("a",), ("b",))))
    tokens_of(Split(texts=(("a", "b"),)))
    assert calls.count == 3


def test_an_earlier_call_of_the_tokenizer_makes_no_other_file(folder: Path, calls: Calls) -> None:
    tokenizer = make_tokenizer("bert")
    tokens_of(tokenizer=tokenizer)
    tokenizer(["a", "a b"], padding=True, truncation=True, max_length=3)
    tokens_of(tokenizer=tokenizer)
    assert calls.count == 1


def damage_nothing_but_the_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip_a_bit_of_a_token(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def flip_a_bit_of_the_count(path: Path) -> None:
    data = path.read_bytes()
    place = data.index(b'"num_truncated":"') + len(b'"num_truncated":"')
    path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])


def overwrite_with_text(path: Path) -> None:
    path.write_text("this is no tensor")


def overwrite_with_a_pickle(path: Path) -> None:
    path.write_bytes(b"\x80\x04cos\nabort\n)R.")


def put_another_file_in_its_place(path: Path) -> None:
    tokens_of(max_length=6)
    (other,) = (each for each in path.parent.iterdir() if each != path)
    other.replace(path)


def write_tensors_without_a_word(path: Path) -> None:
    import numpy as np

    save_file({"input_ids.values": np.zeros(3, dtype=np.int32)}, path)


def become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES: tuple[Callable[[Path], None], ...] = (
    damage_nothing_but_the_end,
    empty,
    flip_a_bit_of_a_token,
    flip_a_bit_of_the_count,
    overwrite_with_text,
    overwrite_with_a_pickle,
    put_another_file_in_its_place,
    write_tensors_without_a_word,
    become_a_pipe,
)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: str(damage.__name__))
def test_a_damaged_or_foreign_file_is_made_again(damage: Callable[[Path], None], folder: Path, calls: Calls) -> None:
    expected = tokens_of()
    path = only_file(folder)
    damage(path)
    before = calls.count
    assert tokens_of() == expected
    assert calls.count == before + 1
    assert tokens_of() == expected
    assert calls.count == before + 1


def test_small_splits_and_slow_tokenizers_are_not_cached(folder: Path) -> None:
    cached_tokens(TEXTS, make_tokenizer("bert"), max_length=12)
    tokens_of(tokenizer=ByT5Tokenizer())
    assert not folder.exists()


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "file"))
    assert tokens_of() == tokenize(TEXTS, make_tokenizer("bert"), max_length=12)


def test_a_full_disk_under_the_cache_is_no_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(token_cache, "save_file", full)
    assert tokens_of() == tokenize(TEXTS, make_tokenizer("bert"), max_length=12)
    assert not list(folder.rglob("*.safetensors"))


def test_errors_of_the_tokens_are_raised_and_nothing_is_kept(folder: Path) -> None:
    with pytest.raises(UsageError, match="no room"):
        tokens_of(max_length=2)
    assert not folder.exists()


def test_the_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("HEADSTART_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == tmp_path / ".cache" / "headstart"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == tmp_path / ".cache" / "headstart"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "shared"))
    assert cache_folder() == tmp_path / "shared" / "headstart"
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def write_read_and_delete() -> None:
    expected = tokenize(TEXTS, make_tokenizer("bert"), max_length=12)
    for _ in range(20):
        assert tokens_of() == expected
        for path in (cache_folder() or Path()).glob("tokens/*.safetensors"):
            path.unlink(missing_ok=True)
    assert tokens_of() == expected


def test_several_processes_may_share_it(folder: Path, tmp_path: Path) -> None:
    """Two processes write, read and delete the same file; each always gets the right tokens."""
    output = tmp_path / "output.txt"
    workers = [start(write_read_and_delete, output=output) for _ in range(2)]
    for worker in workers:
        assert ended(worker) == 0, output.read_text()
    assert tokens_of() == tokenize(TEXTS, make_tokenizer("bert"), max_length=12)
    assert [path.name for path in (folder / "tokens").iterdir()] == [only_file(folder).name]
