"""Names from files of others never lead out of their folder."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import pytest

from headstart.stored_names import MOST_CHARACTERS, require_file_word, require_part, require_seed

BAD = (
    *("", ".", "..", "../x", "x/../../y", "/etc/passwd", "a/b", "a\\b", "C:x", "C:\\x", "~", "~root", "a\0b", "a\nb"),
    *(".hidden", "-rf", "a b", "é", "a\u202eb", "x" * (MOST_CHARACTERS + 1)),
)


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_is_no_plain_part_of_a_path_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a stage's name is letters, digits"):
        require_part("a stage's name", name)


@pytest.mark.parametrize("name", ["probe", "adapter-2", "a" * 64, "_x.y+z=1", "0"])
def test_a_plain_name_is_one_part_on_every_system(name: str) -> None:
    assert require_part("a name", name) == name
    for kind in (PurePosixPath, PureWindowsPath):
        assert kind("folder", name).parent == kind("folder")


def test_a_seed_is_not_negative_and_fits_64_bits() -> None:
    assert [require_seed(seed) for seed in (0, 2**63 - 1)] == [0, 2**63 - 1]
    for seed in (-1, 2**63):
        with pytest.raises(ValueError, match="a seed is a whole number from 0"):
            require_seed(seed)


def test_words_of_file_names_have_a_length_and_no_zero_byte() -> None:
    assert require_file_word("rows", "glue/rte über") == "glue/rte über"
    for name in ("", "a\0", "é" * 101):
        with pytest.raises(ValueError, match="rows has 1 to 200 bytes"):
            require_file_word("rows", name)
