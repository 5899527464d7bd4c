"""Codes stored at their bits come out of ONNX Runtime as they went in."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from bitwright.export.integer import Grid
from bitwright.export.onnx_file import IR_VERSION, OPSET
from bitwright.export.onnx_nodes import Nodes
from bitwright.export.onnx_weights import stored_codes

SHAPE = (4, 3, 3, 3)
GRIDS = {
    "every code": (3, -4, 3, None),
    "four bits": (4, -8, 7, None),
    "eight bits": (8, -128, 127, None),
    "odd codes": (1, -1, 1, [-1, 1]),
    "two levels far from the lowest code": (1, -127, 127, [1, 80]),
    "even levels": (2, -127, 127, [-90, -30, 30, 90]),
    "uneven levels": (3, -127, 127, [-100, -40, -10, 0, 5, 20, 50, 127]),
    "levels of each channel": (2, -127, 127, [[-3, 0, 1, 9], [-9, 0, 3, 5], [0, 1, 2, 4]] * 2),
}


@pytest.mark.parametrize("name", GRIDS)
def test_codes_come_out_as_they_went_in(name: str) -> None:
    bits, low, high, given = GRIDS[name]
    levels = None if given is None else np.array(given, np.int32)[: SHAPE[0]]
    grid = Grid(np.float32(0.1), np.int32(0), bits, low, high, levels)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    if levels is None:
        codes = rng.integers(low, high + 1, SHAPE)
    elif levels.ndim == 1:
        codes = rng.choice(levels, SHAPE)
    else:
        codes = np.stack([rng.choice(row, SHAPE[1:]) for row in levels])
    wanted = codes.astype(np.int8)
    np.testing.assert_array_equal(loaded(wanted, grid), wanted)


def loaded(codes: np.ndarray, grid: Grid) -> np.ndarray:
    nodes = Nodes()
    name = stored_codes(nodes, codes, grid)
    nodes.add("Identity", name)
    nodes.made[-1].output[0] = "codes"
    output = helper.make_tensor_value_info("codes", TensorProto.INT8, codes.shape)
    graph = helper.make_graph(nodes.made, "weights", [], [output], nodes.constants)
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, ir_version=IR_VERSION, opset_imports=opset)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return np.asarray(session.run(None, {})[0])
