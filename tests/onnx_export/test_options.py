"""What an export is asked for is refused where it makes no sense, before anything is loaded."""

from __future__ import annotations

from typing import Any

import pytest

from headstart.errors import UsageError
from headstart.onnx_export.options import ExportOptions


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"format": "onx"}, "did you mean 'onnx'"),
        ({"quantise": "int8"}, "`quantise` would have no effect"),
        ({"check_rows": "a.csv"}, "`check_rows` would have no effect"),
        ({"format": "onnx", "max_loss": 0.1}, "`max_loss` would have no effect"),
        ({"format": "onnx", "quantise": "int4", "check_rows": "a.csv"}, "unknown quantise"),
        ({"format": "onnx", "quantise": "int8"}, "needs `check_rows`"),
        ({"format": "onnx", "quantise": "int8", "check_rows": "a.csv", "max_loss": 1.5}, "`max_loss` was given as 1.5"),
    ],
)
def test_options_that_make_no_sense_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ExportOptions(**given)
