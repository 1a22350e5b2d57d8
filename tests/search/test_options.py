"""What may not be asked of a search."""

from __future__ import annotations

import pytest

from headstart.errors import UsageError
from headstart.experiments.options import MethodOptions, ModelOptions, Options, TrainingOptions
from headstart.option import read_options
from headstart.search.options import SearchOptions, check_search
from headstart.strategies.catalogue import AUTO


def asked(head: str | None) -> Options:
    model = read_options(ModelOptions, {"head": head})
    return Options(model=model, method=MethodOptions(strategy=AUTO), training=TrainingOptions())


@pytest.mark.parametrize("head", ["linear", "mlp", "linear:pooling=mean"])
def test_a_plain_folder_with_a_head_of_ours_is_refused(head: str) -> None:
    with pytest.raises(UsageError, match=f"`plain_folder`.*`head` asks for {head}") as caught:
        check_search(asked(head), SearchOptions(plain_folder=True))
    assert "leave `plain_folder` out" in caught.value.remedy
    check_search(asked(head), SearchOptions())


def test_a_plain_folder_with_the_models_own_head_is_taken() -> None:
    for head in (None, "native"):
        check_search(asked(head), SearchOptions(plain_folder=True))
