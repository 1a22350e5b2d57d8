"""What a person may ask of an export. Imports no torch."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass

from headstart.errors import UsageError, unknown_name
from headstart.option import option

MODEL, ONNX = "model", "onnx"
FORMATS = (MODEL, ONNX)
INT8 = "int8"
QUANTISATIONS = (INT8,)
MAX_LOSS = 0.01
PACKAGES = ("onnx", "onnx_ir", "onnxscript", "onnxruntime", "headstart_runtime")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """In which form a model is written, and how that is checked.

    Raises:
        UsageError: if a value is unknown, outside its range, would have no effect beside the others, or lacks another.
    """

    format: str = option(
        MODEL,
        "model: a run of a store as a model folder. onnx: a model folder for onnxruntime, without torch (extra "
        "'onnx').",
    )
    quantise: str | None = option(None, "With `format` onnx: int8 computes linear maps in 8 bits. Needs `check_rows`.")
    check_rows: str | None = option(
        None,
        "With `format` onnx: a table with the columns that the model reads, or a folder of images; what is written is "
        "compared with torch on up to 512 of its rows, evenly spread. (Default: 48 made-up ones.)",
    )
    max_loss: float | None = option(
        None,
        "With `quantise`: the largest share of the checked rows that may be answered otherwise than by torch, 0 to 1; "
        "for numbers, the largest difference over their standard deviation. (Default: 0.01.)",
    )

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise unknown_name("format", self.format, FORMATS)
        for name in self._unused():
            raise UsageError(f"`{name}` would have no effect here", remedy="  Leave it out.")
        if self.quantise is not None and self.quantise not in QUANTISATIONS:
            raise unknown_name("quantise", self.quantise, QUANTISATIONS)
        if self.quantise is not None and self.check_rows is None:
            raise UsageError(
                "`quantise` needs `check_rows`: what 8 bits change can be told on real rows only",
                remedy="  Give a table of rows such as the model will read.",
            )
        if self.max_loss is not None and not 0 <= self.max_loss <= 1:
            raise UsageError(f"`max_loss` was given as {self.max_loss:g}", allowed="  It is a share: 0 to 1.")

    def _unused(self) -> Iterator[str]:
        """Yield the options that were given and say nothing beside the others."""
        is_used = {
            "quantise": self.format == ONNX,
            "check_rows": self.format == ONNX,
            "max_loss": self.quantise is not None,
        }
        yield from (name for name, used in is_used.items() if not used and getattr(self, name) is not None)

    @property
    def most_loss(self) -> float:
        """The share of rows that may change, 0 to 1."""
        return MAX_LOSS if self.max_loss is None else self.max_loss


def require_packages() -> None:
    """Refuse an export to ONNX where a package that it needs is not installed.

    Raises:
        UsageError: names them.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"`format` onnx needs the extra 'onnx': {', '.join(missing)} cannot be found",
            remedy="  In a clone of headstart: pip install ./runtime '.[onnx]'",
        )
