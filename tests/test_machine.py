"""However the machine fails, one sentence says where and what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from headstart.errors import MachineError, UsageError
from headstart.machine import STOPS_WRITING, WORDS, is_out_of_memory, machine_error, writing


@pytest.mark.parametrize("number", STOPS_WRITING)
def test_what_stops_a_file_is_said_with_its_path(tmp_path: Path, number: int) -> None:
    path = tmp_path / "run.json"
    with pytest.raises(MachineError) as raised, writing(path):
        raise OSError(number, os.strerror(number))
    words, remedy = WORDS[number]
    assert str(raised.value) == f"cannot write {path}: {words}\n{remedy}"
    assert (raised.value.path, raised.value.number, raised.value.exit_code) == (path, number, 1)


def test_a_file_that_safetensors_cannot_write_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "head.safetensors"
    with pytest.raises(MachineError, match=r"head\.safetensors: a part of its path is a file"), writing(path):
        save_file({"a": np.zeros(3)}, path)


@pytest.mark.parametrize("error", [UsageError("a"), ValueError("b"), FileNotFoundError(errno.ENOENT, "c")])
def test_other_errors_pass_as_they_are(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as raised, writing(tmp_path):
        raise error
    assert raised.value is error


def test_what_was_said_already_is_not_said_anew(tmp_path: Path) -> None:
    inner = MachineError(tmp_path / "inner", "cannot write inner: the disk is full")
    with pytest.raises(MachineError) as raised, writing(tmp_path / "outer"):
        raise inner
    assert raised.value is inner
    assert machine_error(inner) is inner


def test_a_temporary_name_is_not_what_a_person_asked_for(tmp_path: Path) -> None:
    inner, outer = tmp_path / ".tmp-00000000.1.1-00000000-model", tmp_path / "model"
    with pytest.raises(MachineError) as raised, writing(outer), writing(inner / "head.safetensors"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(raised.value).startswith(f"cannot write {outer}: the disk is full\n")
    assert (raised.value.path, raised.value.number) == (outer, errno.ENOSPC)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(errno.ENOENT, "no", "runs/store.json"), "cannot use runs/store.json: it is not there\n"),
        (OSError(errno.ENOSPC, "no"), "the machine failed: the disk is full\n"),
        (OSError("a loader says so"), "the machine failed: a loader says so\n"),
        (MemoryError(), "there is too little memory\n"),
        (torch.OutOfMemoryError("CUDA out of memory"), "there is too little memory\n"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "there is too little memory\n"),
    ],
)
def test_every_failure_of_the_machine_is_a_sentence(error: Exception, said: str) -> None:
    found = machine_error(error)
    assert found is not None
    assert str(found).startswith(said)


@pytest.mark.parametrize("error", [ValueError("a"), RuntimeError("b"), KeyError("c")])
def test_faults_of_our_own_are_none_of_the_machines(error: Exception) -> None:
    assert machine_error(error) is None
    assert not is_out_of_memory(error)
