"""The latency meter on a fake clock: real timings never pass or fail."""

import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from bitwright import processor
from bitwright.errors import TargetError
from bitwright.export import onnx_file
from bitwright.graph import GraphBuilder
from bitwright.measure.latency import latency
from bitwright.quant.spec import Method
from bitwright.testing.integer_models import random_model

MS = 1_000_000


def clock_of(durations_ms: Iterable[float]) -> Callable[[], int]:
    """A clock by which the calls take these times, with pauses of a second between them."""

    def ticks() -> Iterable[int]:
        now = 0
        for duration in durations_ms:
            yield now
            now += round(duration * MS)
            yield now
            now += 1000 * MS

    iterator = iter(ticks())
    return lambda: next(iterator)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    build = GraphBuilder((1, 4, 4), Method("uniform", 8, per_channel=False))
    build.linear("head", "input", unit="h", width=3, weight=Method.parse("lsq:4"), activation=None)
    model = random_model(build.finish(), np.random.default_rng(0))
    onnx_file.write(model, tmp_path / "m.onnx", {})
    return tmp_path / "m.onnx"


def test_the_value_is_the_median_and_the_spread_half_the_quartiles_distance(path: Path) -> None:
    times = [1, 2, 3, 4, 100]  # an outlier moves neither
    measured = latency(path, clock=clock_of(times), budget_s=0, least_runs=5)
    assert measured.value == 3
    assert measured.spread == (4 - 2) / 2


def test_runs_go_on_until_the_budget_is_spent(path: Path) -> None:
    measured = latency(path, clock=clock_of(itertools.repeat(2)), budget_s=0.3, least_runs=30)
    assert dict(measured.context)["runs"] == "150"


def test_a_slow_network_still_runs_the_least_number_of_times(path: Path) -> None:
    measured = latency(path, clock=clock_of(itertools.repeat(500)), budget_s=0.3, least_runs=30)
    assert dict(measured.context)["runs"] == "30"
    assert measured.value == 500
    assert measured.spread == 0


def test_the_context_says_what_was_measured_where(path: Path) -> None:
    measured = latency(path, clock=clock_of(itertools.repeat(1)), budget_s=0, least_runs=30)
    assert dict(measured.context) == {
        "runtime": "onnxruntime",
        "version": onnxruntime.__version__,
        "processor": processor.name(),
        "threads": "1",
        "batch": "1",
        "runs": "30",
    }
    assert processor.name()


def test_the_real_clock_gives_some_time(path: Path) -> None:
    assert latency(path, budget_s=0, least_runs=3).value > 0


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="no model file"):
        latency(tmp_path / "none.onnx")
