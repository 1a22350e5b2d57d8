from __future__ import annotations

import pytest

from headstart.errors import UsageError
from headstart.training.config import PrivacyConfig
from headstart.training.private.budget import parse_privacy


def test_a_budget_is_read() -> None:
    assert parse_privacy("epsilon=8,delta=1e-5") == PrivacyConfig(epsilon=8.0, delta=1e-5)
    assert parse_privacy("epsilon=0.5, delta=1e-6, first_fraction=0.25, max_grad_norm=2") == PrivacyConfig(
        epsilon=0.5, delta=1e-6, first_fraction=0.25, max_grad_norm=2.0
    )
    assert parse_privacy("epsilon=8,delta=1e-5,stages=last").stages == "last"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epsilon=8", "needs delta"),
        ("8", "cannot read '8'"),
        ("epsilon=8,delta=1e-5,epsilon=9", "cannot read 'epsilon=9'"),
        ("epsilon=8,delta=1e-5,sigma=1", "unknown option of `dp` 'sigma'"),
        ("epsilon=0,delta=1e-5", "It is a number above 0"),
        ("epsilon=inf,delta=1e-5", "It is a number above 0"),
        ("epsilon=8,delta=1", "above 0 and below 1"),
        ("epsilon=8,delta=1e-5,stages=both", "one of all, first, last"),
        ("epsilon=8,delta=1e-5,first_fraction=1", "above 0 and below 1"),
        ("epsilon=8,delta=1e-5,stages=last,first_fraction=0.3", "would have no effect"),
        ("epsilon=8,delta=1e-5,max_grad_norm=-1", "It is a number above 0"),
    ],
)
def test_what_is_no_budget_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_privacy(text)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(UsageError, match=r"(?s)sigma.*needs epsilon.*needs delta"):
        parse_privacy("sigma=1")
