"""Latency of a network in torch on a CUDA device, by the device's own events."""

import numpy as np
import torch

from bitwright.errors import TargetError
from bitwright.measure.latency import LEAST_RUNS, NS_PER_MS, WARMUP_RUNS, summarise
from bitwright.nets.build import QuantNet
from bitwright.records import Measurement

RUNS = 10 * LEAST_RUNS


@torch.no_grad()
def cuda_latency(net: QuantNet, *, runs: int = RUNS) -> Measurement:
    """The median time of one inference in ms, batch 1, of the network as it trains, on its device.

    Events stand in the device's queue before and behind each inference, so the time is the
    device's: kernels and the gaps between them, without copies. The image is random pixels.
    TargetError where the network is not on a CUDA device.
    """
    device = next(net.parameters()).device
    if device.type != "cuda":
        raise TargetError(
            f"the network is on '{device}', and CUDA's events tell times of a CUDA device alone; "
            "move it there with .to('cuda') where torch.cuda.is_available()"
        )
    shape = (1, *net.graph.input.shape)
    image = torch.randint(0, 256, shape, dtype=torch.uint8, device=device)
    training = net.training
    net.eval()
    for _ in range(WARMUP_RUNS):
        net(image)
    marks = [(_event(), _event()) for _ in range(runs)]
    stream = torch.cuda.current_stream(device)  # of the network's device, whichever is current
    for start, end in marks:
        start.record(stream)
        net(image)
        end.record(stream)
    torch.cuda.synchronize(device)
    net.train(training)
    times = np.array([round(NS_PER_MS * start.elapsed_time(end)) for start, end in marks], np.int64)
    name = torch.cuda.get_device_name(device)
    return summarise(times, ("torch", str(torch.__version__)), batch=1, device=name)


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
