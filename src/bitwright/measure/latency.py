"""Latency of the very file that is shipped: batch 1, one thread, this processor or its GPU."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bitwright import processor
from bitwright.errors import TargetError
from bitwright.records import Measurement

if TYPE_CHECKING:
    from bitwright.export.runtime import Providers

NS_PER_MS = 1e6
BUDGET_S = 0.3
LEAST_RUNS = 30
WARMUP_RUNS = 10


@dataclasses.dataclass(frozen=True, slots=True)
class Device:
    """What a network is timed on beside the processor, and ONNX Runtime's providers for it."""

    name: str
    providers: "Providers"


def latency(
    path: Path | str,
    *,
    clock: Callable[[], int] = time.perf_counter_ns,
    budget_s: float = BUDGET_S,
    least_runs: int = LEAST_RUNS,
    warmup_runs: int = WARMUP_RUNS,
    on: Device | None = None,
) -> Measurement:
    """The median time of one inference in ms, batch 1, one thread; the image is random pixels.

    Of any ONNX model with one input; of one that fixes another batch, the time of that batch. Runs
    until `budget_s` is spent, at least `least_runs` times. `clock` gives nanoseconds. Nothing
    else should run meanwhile: the meter cannot tell its own time from a neighbour's. `on` another
    device than the processor, the copies of image and logits count too.
    """
    import onnxruntime

    from bitwright.export.image_model import random_input
    from bitwright.export.runtime import CPU, open_session, run_errors

    session = open_session(path, threads=1, providers=on.providers if on else CPU)
    feed = random_input(session, path)
    (batch,) = (len(values) for values in feed.values())

    def infer() -> None:
        session.run(None, feed)

    try:
        for _ in range(warmup_runs):
            infer()
    except run_errors() as error:
        raise TargetError(
            f"'{path}' fails on an image: {error}; mend the model where it was made"
        ) from error
    times = time_calls(infer, clock=clock, budget_s=budget_s, least_runs=least_runs)
    device = on.name if on else None
    return summarise(times, ("onnxruntime", onnxruntime.__version__), batch=batch, device=device)


def latency_of(infer: Callable[[], object], program: tuple[str, str]) -> Measurement:
    """The same of any call that infers one image on one thread; `program` is name and version."""
    for _ in range(WARMUP_RUNS):
        infer()
    clock = time.perf_counter_ns
    times = time_calls(infer, clock=clock, budget_s=BUDGET_S, least_runs=LEAST_RUNS)
    return summarise(times, program, batch=1)


def time_calls(
    call: Callable[[], object], *, clock: Callable[[], int], budget_s: float, least_runs: int
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


def summarise(
    times_ns: npt.NDArray[np.int64],
    program: tuple[str, str],
    *,
    batch: int,
    device: str | None = None,
) -> Measurement:
    """The median in ms; the spread is half the distance between the quartiles.

    `device` is what ran it, by default this processor.
    """
    context = (
        ("runtime", program[0]),
        ("version", program[1]),
        ("processor", device or processor.name()),
        ("threads", "1"),
        ("batch", str(batch)),
        ("runs", str(len(times_ns))),
    )
    low, median, high = np.percentile(times_ns, [25, 50, 75]) / NS_PER_MS
    return Measurement(float(median), float(high - low) / 2, context)
