"""Networks in 8 bits: their weights and maps against plain formulas, and that no row hears of another."""

# ruff: noqa: E402 - without the extra these tests are skipped, which is said before it is imported
from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.exported import LACKING

for _package in ("onnx", "onnx_ir", "onnxruntime", "headstart_runtime"):
    pytest.importorskip(_package, reason=LACKING)

import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from headstart.onnx_export.int8 import quantise
from headstart.onnx_export.int8_weights import map_in_int8, table_in_int8

Array = npt.NDArray[np.float32]
RNG = np.random.default_rng(0)


def drawn(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


def test_weights_are_what_their_numbers_say() -> None:
    weight = drawn(7, 5)
    weight[:, 2] = 0
    found = map_in_int8(weight)
    assert found.scales.shape == (1, 5)
    assert np.abs(found.numbers * found.scales - weight).max(axis=0) == pytest.approx(found.scales[0] / 2, rel=1)
    assert not found.numbers[:, 2].any()
    # In a column without neighbours of one sign nothing is lost to them: its largest weight is 127.
    alternating = np.abs(drawn(8, 3)) * np.array([1, -1] * 4, np.float32)[:, None]
    assert (np.abs(map_in_int8(alternating).numbers).max(axis=0) == 127).all()


@pytest.mark.parametrize("num_inputs", [64, 65])
def test_two_products_of_neighbours_fit_into_16_bits(num_inputs: int) -> None:
    weight = np.concatenate(
        [drawn(num_inputs, 40), np.full((num_inputs, 2), 3, np.float32), -(drawn(num_inputs, 3) ** 2)], 1
    )
    numbers = map_in_int8(weight).numbers.astype(np.int64)
    # What comes in is 0 to 255; the worst case gives 255 to all weights of one sign and 0 to the others.
    for sign in (1, -1):
        products = 255 * np.maximum(sign * numbers, 0)
        sums = products[0 : num_inputs - 1 : 2] + products[1::2]
        assert sums.max() <= np.iinfo(np.int16).max
    assert np.abs(numbers).max() > 64  # more than half of the 8 bits is used


def test_vectors_keep_a_scale_for_each_32_numbers() -> None:
    table = drawn(6, 64)
    table[3, 5] = 500  # one large number takes precision from its own block only
    found = table_in_int8(table)
    assert found.numbers.shape == (6, 2, 32)
    error = np.abs((found.numbers * found.scales).reshape(6, 64) - table)
    assert error[3, 32:].max() < np.abs(table[3, 32:]).max() / 250
    assert table_in_int8(drawn(4, 20)).numbers.shape == (4, 5, 4)


def written(folder: Path, nodes: list[onnx.NodeProto], constants: dict[str, Array], shape: list[str | int]) -> Path:
    """Write a network that reads `x` and gives `logits`."""
    folder.mkdir()
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, folder / "model.onnx", save_as_external_data=True, location="model.onnx.data", size_threshold=0)
    return folder


def answered(folder: Path, x: Array) -> Array:
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["logits"], {"x": x})[0])


def in_int8(x: Array, weight: Array) -> Array:
    """Compute a linear map as it is described: whole numbers, and a scale for each row and for each output."""
    scales = np.abs(x).max(axis=-1, keepdims=True) / 127
    found = map_in_int8(weight)
    return np.asarray(np.rint(x / scales) @ found.numbers.astype(np.float64) * scales * found.scales, np.float32)


def test_maps_are_computed_in_8_bits_all_but_the_last(tmp_path: Path) -> None:
    constants = {"a": drawn(16, 24), "b": drawn(12, 24), "bias": drawn(12), "c": drawn(12, 3)}
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["first"]),
        helper.make_node("Flatten", ["first"], ["rows"], axis=2),
        helper.make_node("Gemm", ["rows", "b", "bias"], ["second"], transB=1),
        helper.make_node("MatMul", ["second", "c"], ["logits"]),
    ]
    source = written(tmp_path / "fp32", nodes, constants, ["rows", "tokens", 16])
    (tmp_path / "int8").mkdir()
    quantise(source, tmp_path / "int8")
    x = drawn(3, 4, 16) * np.array([1, 100, 0.01], np.float32)[:, None, None]
    first = in_int8(x, constants["a"]).reshape(12, 24)
    second = in_int8(first, np.ascontiguousarray(constants["b"].T)) + constants["bias"]
    found = answered(tmp_path / "int8", x)
    # Where a number lies half way between two, one rounding may go the other way.
    close = np.isclose(found, second @ constants["c"], rtol=1e-4, atol=1e-4 * np.abs(found).max(axis=1, keepdims=True))
    assert close.all(axis=1).mean() > 0.8
    exact = answered(source, x)
    assert (np.abs(found - exact) < 0.05 * np.abs(exact).max(axis=1, keepdims=True)).all()
    held = {each.name: each.data_type for each in onnx.load(tmp_path / "int8" / "model.onnx").graph.initializer}
    assert (held["a.int8"], held["b.int8"], held["c"]) == (TensorProto.INT8, TensorProto.INT8, TensorProto.FLOAT)
    assert not {"a", "b"} & held.keys()


def test_a_token_of_zeros_and_one_of_large_numbers_leave_the_others_as_they_are(tmp_path: Path) -> None:
    constants = {"a": drawn(32, 8), "c": drawn(8, 2)}
    nodes = [helper.make_node("MatMul", ["x", "a"], ["y"]), helper.make_node("MatMul", ["y", "c"], ["logits"])]
    source = written(tmp_path / "fp32", nodes, constants, ["rows", 32])
    (tmp_path / "int8").mkdir()
    quantise(source, tmp_path / "int8")
    x = drawn(5, 32)
    x[1], x[2] = 0, 1e6 * x[2]
    together = answered(tmp_path / "int8", x)
    alone = np.concatenate([answered(tmp_path / "int8", row[None]) for row in x])
    assert np.array_equal(together, alone)
    assert not together[1].any()
