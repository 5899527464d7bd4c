"""Fills the table of networks on a GPU in targets.md from the committed result.

.venv/bin/python docs/results_gpu.py
"""

from collections.abc import Iterator, Mapping
from typing import Any

from results_page import ROOT, Section

SECTION = Section("gpu", page=ROOT / "docs" / "targets.md")
BATCHES = ("1", "64")


def block(result: Mapping[str, Any]) -> str:
    """The section: speed, where nodes ran, and how many predictions differ."""
    machine = result["machine"]
    head = (
        "Milliseconds of one inference, the processor's on one thread; both take turns, copies "
        "counted. *As it trains* is the network in torch on the same device, by its events. "
        "*Copies* are those between nodes on the GPU and on the processor. The first networks have "
        "random weights, whose logits lie close together; the last is that of [the search from "
        "nothing](results.md#final-networks) on all test images. *Other predictions* differ from "
        f"the exact integer reference's. `python benchmarks/gpu.py`; {machine['gpu']}, "
        f"ONNX Runtime {machine['onnxruntime']}, CUDA {machine['cuda']}, torch {machine['torch']}."
    )
    return SECTION.of([head, "\n".join(_table(result))])


def _table(result: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "| network | bits, weights x activations | processor: 1 image | 64 | GPU: 1 image | 64 "
        "| as it trains | nodes on GPU, processor; copies | other predictions |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, found in result["networks"].items():
        for bits, one in sorted(found.items(), reverse=True):
            yield _row(name, "float32" if bits == "float32" else f"{bits[1]}x{bits[3]}", one)
    for name, one in result["trained"].items():
        yield _row(f"[{one['data']}](../benchmarks/results/{name}.onnx)", "its own", one)


def _row(name: str, bits: str, one: Mapping[str, Any]) -> str:
    times = [
        f"{one['ms'][place][batch]:.2f}" for place in ("processor", "cuda") for batch in BATCHES
    ]
    torch = one["ms"].get("torch")
    trains = f"{torch['1']:.1f}" if torch else ""
    nodes = one.get("nodes")
    placed = f"{nodes['cuda']}, {nodes['processor']}; {nodes['copies']}" if nodes else ""
    others = f"{one['different']} of {one['images']:,}" if "different" in one else ""
    return f"| {' | '.join([name, bits, *times, trains, placed, others])} |"


if __name__ == "__main__":
    SECTION.rewrite(block)
