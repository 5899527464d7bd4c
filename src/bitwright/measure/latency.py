"""Latency of the very file that is shipped: batch 1, one thread, this processor."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bitwright import processor
from bitwright.export.names import INPUT
from bitwright.records import Measurement

NS_PER_MS = 1e6


def latency(
    path: Path | str,
    *,
    clock: Callable[[], int] = time.perf_counter_ns,
    budget_s: float = 0.3,
    least_runs: int = 30,
    warmup_runs: int = 10,
) -> Measurement:
    """The median time of one inference in ms, batch 1, one thread; the image is random pixels.

    Runs until `budget_s` is spent, at least `least_runs` times. `clock` gives nanoseconds. Nothing
    else should run meanwhile: the meter cannot tell its own time from a neighbour's.
    """
    import onnxruntime

    from bitwright.export.runtime import open_session

    session = open_session(path, threads=1)
    shape = session.get_inputs()[0].shape[1:]
    feed = {INPUT: np.random.default_rng(0).integers(0, 256, (1, *shape), np.uint8)}

    def infer() -> None:
        session.run(None, feed)

    for _ in range(warmup_runs):
        infer()
    times = time_calls(infer, clock=clock, budget_s=budget_s, least_runs=least_runs)
    context = (
        ("runtime", "onnxruntime"),
        ("version", onnxruntime.__version__),
        ("processor", processor.name()),
        ("threads", "1"),
        ("batch", "1"),
        ("runs", str(len(times))),
    )
    return summarise(times, context)


def time_calls(
    call: Callable[[], None], *, clock: Callable[[], int], budget_s: float, least_runs: int
) -> npt.NDArray[np.int64]:
    """The nanoseconds of each call: at least `least_runs` calls, until `budget_s` is spent."""
    times: list[int] = []
    spent = 0
    while len(times) < least_runs or spent < budget_s * 1e9:
        start = clock()
        call()
        times.append(clock() - start)
        spent += times[-1]
    return np.array(times, np.int64)


def summarise(times_ns: npt.NDArray[np.int64], context: tuple[tuple[str, str], ...]) -> Measurement:
    """The median in ms; the spread is half the distance between the quartiles."""
    low, median, high = np.percentile(times_ns, [25, 50, 75]) / NS_PER_MS
    return Measurement(float(median), float(high - low) / 2, context)
