"""A network in 8 bits: its weights as they are written, and each token as it goes into a linear map.

Letters: n tokens of a batch, i inputs and o outputs of a linear map, v vectors of h numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, final

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from headstart.onnx_export.int8_weights import MOST, map_in_int8, table_in_int8
from headstart_runtime.folder import NETWORK_FILE, WEIGHTS_FILE

Matrix: TypeAlias = npt.NDArray[np.float32]
MICROSOFT = "com.microsoft"
"""Domain of onnxruntime's own operations."""
ZERO = np.uint8(128)
"""What stands for 0 among a token's numbers in 8 bits."""
LEAST_SCALE = np.float32(1e-30)
"""Of a token, so that one of zeros alone is not divided by 0."""


def quantise(source: Path, folder: Path) -> None:
    """Write the network of one folder to another in 8 bits.

    Linear maps are computed in 8 bits, all but the last one, which gives the logits. Of the tables of vectors the
    largest one is held in 8 bits, that of words; others are small and would cost more accuracy than all maps together.
    All else stays in fp32.

    Each token has a scale of its own where it goes into a map. So what stands beside a sequence in its batch
    does not change its answer.
    """
    network = ir.external_data.load_to_model(ir.load(source / NETWORK_FILE))
    graph = network.graph
    maps = [(node, weights) for node in graph if (weights := _map(node)) is not None]
    tables = [(node, vectors) for node in graph if (vectors := _table(node)) is not None]
    as_rows: dict[ir.Value, _Rows] = {}
    for node, weights in maps[:-1]:
        _replace_map(graph, node, weights, as_rows)
    for node, vectors in sorted(tables, key=lambda table: table[1].size)[-1:]:
        _replace_table(graph, node, vectors)
    network.opset_imports[MICROSOFT] = 1
    RemoveUnusedNodesPass()(network)
    ir.save(network, folder / NETWORK_FILE, external_data=WEIGHTS_FILE)


@dataclass(frozen=True, slots=True)
class _Rows:
    """What goes into linear maps, a row for each token: `numbers` [n, i], `scales` [n, 1], and the `sizes` but i."""

    numbers: ir.Value
    scales: ir.Value
    sizes: ir.Value


@final
class _NewNodes:
    """Nodes that take the place of one."""

    def __init__(self, graph: ir.Graph) -> None:
        self._graph, self._tape = graph, ir.tape.Tape()

    def op(self, name: str, *inputs: ir.Value | None, domain: str = "", **attributes: int) -> ir.Value:
        """Add a node; return its output."""
        return self._tape.op(name, inputs, attributes, domain=domain)

    def constant(self, name: str, values: npt.ArrayLike) -> ir.Value:
        """Return a constant, which is in the network once under its name."""
        if name not in self._graph.initializers:
            ir.tape.Tape(self._graph).initializer(ir.tensor(np.asarray(values), name=name))
        return self._graph.initializers[name]

    def replace(self, node: ir.Node, value: ir.Value) -> None:
        """Put the nodes into the place of `node`, and `value` into that of its output."""
        ir.convenience.replace_nodes_and_values(
            self._graph, node, [node], self._tape.nodes, list(node.outputs), [value]
        )


def _map(node: ir.Node) -> Matrix | None:
    """Return the weights [i, o] of a linear map; None for any other node."""
    if node.op_type not in ("MatMul", "Gemm") or (weights := _matrix(node.inputs[1])) is None:
        return None
    attributes = node.attributes
    if attributes.get_int("transA", 0) or {attributes.get_float(name, 1.0) for name in ("alpha", "beta")} != {1.0}:
        return None
    return weights.T if attributes.get_int("transB", 0) else weights


def _table(node: ir.Node) -> Matrix | None:
    """Return the vectors [v, h] that a node looks up; None for any other node."""
    is_lookup = node.op_type == "Gather" and node.attributes.get_int("axis", 0) == 0
    return _matrix(node.inputs[0]) if is_lookup else None


def _matrix(value: ir.Value | None) -> Matrix | None:
    held = None if value is None else value.const_value
    if held is None or held.dtype != ir.DataType.FLOAT or len(held.shape) != 2:
        return None
    return held.numpy()


def _replace_map(graph: ir.Graph, node: ir.Node, weights: Matrix, as_rows: dict[ir.Value, _Rows]) -> None:
    """Compute a linear map in 8 bits; `as_rows` has what earlier maps read, and gets what this one reads."""
    new, read, name = _NewNodes(graph), _input(node, 0), _input(node, 1).name
    if read not in as_rows:
        as_rows[read] = _rows(new, read)
    rows, in_int8 = as_rows[read], map_in_int8(weights)
    product = new.op(
        "MatMulIntegerToFloat",
        rows.numbers,
        new.constant(f"{name}.int8", in_int8.numbers),
        new.constant("int8.one", np.float32(1)),
        new.constant(f"{name}.scales", in_int8.scales[0]),
        new.constant("int8.zero", ZERO),
        domain=MICROSOFT,
    )
    outputs = new.constant(f"{name}.outputs", np.array(weights.shape[1:], np.int64))
    found = new.op("Reshape", new.op("Mul", product, rows.scales), new.op("Concat", rows.sizes, outputs, axis=0))
    for bias in node.inputs[2:]:
        found = new.op("Add", found, bias)
    new.replace(node, found)


def _rows(new: _NewNodes, value: ir.Value) -> _Rows:
    """Return numbers from 1 to 255, and a scale for each token, by which its largest one is 127 away from 128."""
    last = new.constant("int8.last", np.array([-1], np.int64))
    width = new.op("Shape", value, start=-1)
    rows = new.op("Reshape", value, new.op("Concat", last, width, axis=0))
    largest = new.op("Max", new.op("ReduceMax", rows, last), new.op("Neg", new.op("ReduceMin", rows, last)))
    scales = new.op(
        "Max",
        new.op("Mul", largest, new.constant("int8.step", np.float32(1 / MOST))),
        new.constant("int8.least", LEAST_SCALE),
    )
    flat = new.op("Reshape", scales, last)
    zeros = new.op("Expand", new.constant("int8.zero", ZERO), new.op("Shape", flat))
    numbers = new.op("QuantizeLinear", rows, flat, zeros, axis=0)
    return _Rows(numbers, scales, new.op("Shape", value, start=0, end=-1))


def _replace_table(graph: ir.Graph, node: ir.Node, vectors: Matrix) -> None:
    """Look up numbers in 8 bits and their scales, and multiply what was found."""
    new, name, ids = _NewNodes(graph), _input(node, 0).name, _input(node, 1)
    in_int8 = table_in_int8(vectors)
    numbers = new.op("Gather", new.constant(f"{name}.vectors", in_int8.numbers), ids)
    scales = new.op("Gather", new.constant(f"{name}.vector_scales", in_int8.scales), ids)
    blocks = new.op("Mul", new.op("Cast", numbers, to=ir.DataType.FLOAT.value), scales)
    width = new.constant(f"{name}.width", np.array(vectors.shape[1:], np.int64))
    new.replace(node, new.op("Reshape", blocks, new.op("Concat", new.op("Shape", ids), width, axis=0)))


def _input(node: ir.Node, number: int) -> ir.Value:
    value = node.inputs[number]
    if value is None:
        raise ValueError(f"{node.op_type} lacks an input")
    return value
