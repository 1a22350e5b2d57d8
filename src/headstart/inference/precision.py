"""In which precision a saved model answers, and what bf16 changes of its answers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from headstart.artifacts.bf16_check import Bf16Check
from headstart.artifacts.model_info import ONNX, FolderKind, ModelInfo
from headstart.artifacts.saved_model import SavedModel
from headstart.data.examples import Split
from headstart.errors import CheckpointError, UsageError
from headstart.hardware import check_device, check_precision, computes_bf16, resolve_device
from headstart.inference.predict import Predictions, predict
from headstart.option import named

AS_WRITTEN = "onnx"
"""Names the precision of a network for onnxruntime, whichever that is."""
COMPARED_ROWS = 1_000
"""Rows that are compared at most, evenly spaced: more take longer and say little more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """The precision of forward passes.

    Attributes:
        name: "fp32", "bf16" or "onnx".
        reason: why "auto" means it here, as a sentence; "" where it was asked for by name.
    """

    name: str
    reason: str = ""


def prediction_precision(asked: str, info: ModelInfo, device: str) -> Precision:
    """Return the precision in which a saved model answers on a device.

    "auto" is bf16 where the device computes it natively and the answers to held-out rows stayed what they were.

    Raises:
        UsageError: if the precision's name is unknown.
    """
    check_precision(asked)
    if asked != "auto":
        return Precision(name=asked)
    if not computes_bf16(device):
        return Precision(name="fp32", reason="precision: fp32, since this machine has no instructions for bf16")
    if info.bf16 is None:
        return Precision(name="fp32", reason="precision: fp32, since this model was not compared with itself in bf16")
    name = "bf16" if info.bf16.is_close else "fp32"
    return Precision(name=name, reason=f"precision: {name}, since {info.bf16}")


def computed_by(kind: FolderKind, info: ModelInfo, precision: str, device: str | None) -> tuple[str, Precision]:
    """Return the device and the precision in which the model of a folder answers.

    A network for onnxruntime computes on the CPU, in the precision that it was written in.

    Args:
        kind: of the folder.
        info: what it says of its model.
        precision: "fp32", "bf16" or "auto", as it was asked for.
        device: "cpu" or "cuda", as it was asked for; None takes a GPU where there is one.

    Raises:
        UsageError: if one of them is unknown, is not there, or would have no effect.
    """
    if kind != ONNX:
        found = resolve_device(device)
        return found, prediction_precision(precision, info, found)
    check_precision(precision)
    if device is not None:
        check_device(device)
    asked = {"precision": precision != "auto", "device": device not in (None, "cpu")}
    if given := [name for name, is_asked in asked.items() if is_asked]:
        raise UsageError(
            f"{named(given)} would have no effect: a folder for onnxruntime answers on the CPU, in the precision that "
            "it was written in",
            remedy="  Leave it out, or give the model folder that it was exported from.",
        )
    return "cpu", Precision(name=AS_WRITTEN)


def compare_precisions(saved: SavedModel, split: Split, device: str) -> Bf16Check | None:
    """Return what bf16 changes of a model's answers; the model is left on the CPU.

    None where that says nothing of use: there are no rows, the device has no instructions for bf16, or the model gives
    no answers in it.

    Args:
        saved: the model.
        split: held-out rows; of many, evenly spaced ones are answered.
        device: "cpu" or "cuda".
    """
    if not len(split) or not computes_bf16(device):
        return None
    rows = split.take(range(0, len(split), math.ceil(len(split) / COMPARED_ROWS)))
    try:
        exact, rough = (predict(saved, rows, precision=precision, device=device) for precision in ("fp32", "bf16"))
    except (RuntimeError, CheckpointError):
        return None
    finally:
        saved.model.to("cpu")
    return _check(exact, rough)


def _check(exact: Predictions, rough: Predictions) -> Bf16Check:
    return Bf16Check(
        num_rows=len(exact),
        num_changed=exact.kind.num_changed(exact.decisions, rough.decisions),
        largest_difference=exact.kind.largest_difference(exact.answers, rough.answers),
    )
