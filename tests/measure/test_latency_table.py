"""The table of layers: which kinds there are, that each is timed once, and what is foretold."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from bitwright.export.runtime import session_of
from bitwright.export.widths import widths
from bitwright.graph import Graph
from bitwright.measure import latency_table
from bitwright.measure.alone import Kind
from bitwright.measure.latency_table import FACTOR, FIXED, LatencyTable, in_turns, line
from bitwright.testing.c_networks import every_layer

FUSED = {
    "conv": "QLinearConv",
    "linear": "QGemm",
    "add": "QLinearAdd",
    "multiply": "QLinearMul",
    "max_pool": "NhwcMaxPool",
    "average_pool": "QLinearConv",
    "global_average_pool": "QLinearGlobalAveragePool",
}


def kinds(graph: Graph) -> list[Kind]:
    return [Kind.of(graph, node, widths(graph)) for node in graph.nodes[1:]]


def optimized(model: onnx.ModelProto, path: Path) -> Counter[str]:
    """The operators that ONNX Runtime runs."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(path)
    onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return Counter(node.op_type for node in onnx.load(path).graph.node)


@pytest.mark.parametrize("methods", [("lsq:4", "lsq:4"), ("affine:8:tensor", "apot:4:tensor")])
def test_a_layer_alone_is_run_as_often_as_it_has_copies_in_integers(
    methods: tuple[str, str], tmp_path: Path
) -> None:
    found = {kind.key: kind for kind in kinds(every_layer(*methods))}
    assert {kind.node.op for kind in found.values()} == set(FUSED)
    for kind in found.values():
        operator = FUSED[kind.node.op]
        with_it, without = (
            optimized(model, tmp_path / "m.onnx")[operator] for model in (kind.model(), kind.base())
        )
        assert with_it - without == kind.copies, kind.key
        for model in (kind.model(), kind.base()):
            session = session_of(model.SerializeToString(), "a layer alone")
            shape = [1, *session.get_inputs()[0].shape[1:]]
            session.run(None, {"images": np.zeros(shape, np.uint8)})


def test_a_kind_is_all_that_time_depends_on_and_no_more() -> None:
    def keys(*methods: str) -> list[str]:
        return [kind.key for kind in kinds(every_layer(*methods))]

    assert keys("lsq:4", "lsq:4") == keys("lsq:2", "lsq:4")  # widened when the file is loaded
    assert keys("lsq:4", "lsq:4") != keys("lsq:4", "lsq:8")  # cut off, or not
    assert keys("lsq:4", "lsq:4") != keys("affine:8:tensor", "lsq:4")  # a zero point that stays
    assert len(set(keys("lsq:4", "lsq:4"))) > len(FUSED)


def written(path: Path, graph: Graph, **known: float) -> dict[str, float]:
    table = {kind.key: float(at) for at, kind in enumerate(kinds(graph), 1)} | known
    path.write_text(json.dumps(table), encoding="utf-8")
    return table


def test_what_is_foretold_is_a_line_over_the_sum_of_the_layers(tmp_path: Path) -> None:
    graph = every_layer("lsq:4", "lsq:4")
    table = written(tmp_path / "t.json", graph, **{FIXED: 5.0, FACTOR: 2.0})
    expected = 5 + 2 * sum(table[kind.key] for kind in kinds(graph))
    assert LatencyTable(tmp_path / "t.json").latency_ms(graph) == pytest.approx(expected / 1000)


def test_every_kind_is_timed_once_and_kept(tmp_path: Path, monkeypatch) -> None:
    path, graph = tmp_path / "kept" / "t.json", every_layer("lsq:4", "lsq:4")
    table = LatencyTable(path)
    foretold = table.latency_ms(graph)
    assert foretold > 0
    known = json.loads(path.read_text(encoding="utf-8"))
    assert len(known) == len(table)
    assert {kind.key for kind in kinds(graph)} | {FIXED, FACTOR} < set(known)
    monkeypatch.setattr(latency_table, "call_of", None)  # nothing can be timed any more
    assert LatencyTable(path).latency_ms(graph) == foretold


def test_two_processes_keep_what_both_have_found(tmp_path: Path) -> None:
    path, graph = tmp_path / "t.json", every_layer("lsq:4", "lsq:4")
    mine = LatencyTable(path)
    theirs = written(path, graph, other=1.0)
    mine.layers_us(graph)
    assert json.loads(path.read_text(encoding="utf-8"))["other"] == 1.0
    assert LatencyTable(path).layers_us(graph) == sum(theirs[kind.key] for kind in kinds(graph))


def test_a_cache_that_cannot_be_written_is_told_and_ends_nothing(tmp_path: Path, caplog) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    table = LatencyTable(tmp_path / "file" / "t.json")
    table.timed_us([lambda: None])
    assert re.search(r"not kept in '.*t\.json': ", caplog.text)


class Machine:
    """A clock by which a call takes its time, longer the slower the machine is at the moment."""

    def __init__(self) -> None:
        self.now, self.slow, self.calls = 0.0, 1.0, 0

    def call(self, us: float) -> Callable[[], None]:
        def run() -> None:
            self.calls += 1
            self.now += 1000 * us * self.slow

        return run

    def clock(self) -> int:
        return round(self.now)


def test_a_machine_that_slows_down_changes_no_ratio() -> None:
    machine = Machine()
    calls = [machine.call(30), machine.call(5)]

    def reference() -> None:
        machine.call(10)()
        machine.slow *= 1.001

    assert in_turns(calls, reference, clock=machine.clock) == pytest.approx([3, 0.5], rel=0.02)


def test_rounds_in_which_the_reference_changes_do_not_count() -> None:
    machine = Machine()
    bursts = 0

    def reference() -> None:
        nonlocal bursts
        bursts += 1
        machine.slow = 10.0 if (bursts // latency_table.RUNS) % 4 == 1 else 1.0
        machine.call(10)()

    found = in_turns([machine.call(30)], reference, clock=machine.clock)
    assert found == pytest.approx([3])


def test_the_line_is_the_one_that_the_networks_lie_on() -> None:
    sums = np.array([1.0, 10.0, 100.0])
    assert line(sums, 5 + 2 * sums) == pytest.approx((5, 2))
    fixed, factor = line(sums, np.array([1.0, 19.0, 199.0]))  # through minus one
    assert fixed == 0
    assert factor > 0
