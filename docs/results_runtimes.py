"""Fills the comparison of runtimes in targets.md from the committed result.

.venv/bin/python docs/results_runtimes.py
"""

from collections.abc import Iterator, Mapping
from typing import Any

from results_page import ROOT, Section

SECTION = Section("runtimes", page=ROOT / "docs" / "targets.md")
BASE, OTHERS = "onnxruntime-cpu", {"openvino": "OpenVINO", "litert": "LiteRT"}
TIMES = "\N{MULTIPLICATION SIGN}"
FILES = {"onnx": "ONNX", "ir": "IR", "tflite": "`.tflite`"}


def block(result: Mapping[str, Any]) -> str:
    """The section: speed, and how many predictions are others than the exact integers'."""
    machine = result["machine"]
    speed = (
        "Batch 1, one thread, all three in turns, other work on the machine; behind a time, how "
        "much faster than ONNX Runtime. The first networks have random weights, whose logits lie "
        "close together. *Other predictions* are those of so many images that differ from the "
        f"exact integer reference's. `make bench-runtimes`; {machine['processor']}, ONNX Runtime "
        f"{machine['onnxruntime']}, OpenVINO {machine['openvino']}, LiteRT "
        f"{machine['ai-edge-litert']}."
    )
    trained = (
        "The networks that [the searches from nothing](results.md#final-networks) ended in, on all "
        "test images:"
    )
    return SECTION.of([speed, _fitted(result), trained, _trained(result), _fixed(result)])


def _fitted(result: Mapping[str, Any]) -> str:
    head = (
        f"| network | bits, weights x activations | ONNX Runtime | {' | '.join(OTHERS.values())} "
        f"| other predictions of {_images(result)}: ONNX Runtime, {', '.join(OTHERS.values())} |\n"
        "|---|---|---|---|---|---|"
    )
    rows = (
        _row([name, f"{policy[1]}x{policy[3]}"], one)
        for name, found in result["networks"].items()
        for policy, one in found.items()
    )
    return "\n".join([head, *rows])


def _trained(result: Mapping[str, Any]) -> str:
    head = (
        f"| network | images | ONNX Runtime | {' | '.join(OTHERS.values())} "
        f"| other predictions | {', '.join(FILES.values())} in kB |\n|---|---|---|---|---|---|---|"
    )
    rows = []
    for name, one in result["trained"].items():
        sizes = ", ".join(f"{one['bytes'][kind] / 1000:.1f}" for kind in FILES)
        link = f"[{one['data']}](../benchmarks/results/{name}.onnx)"
        images = f"{one['images']:,}"
        rows.append(f"{_row([link, images], one)} {sizes} |")
    return "\n".join([head, *rows])


def _fixed(result: Mapping[str, Any]) -> str:
    fixed, alike = result["fixed_ranges"], result["alike"]
    return (
        "Fixed ranges of several widths, `dorefa` beside `power_of_two`, are where exact halves "
        "were to be feared, and means on the step of what they are taken of: such steps are a hair "
        "longer than their papers', so that none come up ([quantization.md](quantization.md)). Of "
        f"the predictions of trained networks of [such a "
        "study](../benchmarks/studies/fixed-ranges.yaml), all images of digits by each, others "
        f"than the integers' are: {_others(fixed)}; with activations of `{alike['method']}` "
        f"throughout: {_others(alike)}."
    )


def _others(fixed: Mapping[str, Any]) -> str:
    counts = fixed["different"]
    names = {BASE: "ONNX Runtime", **OTHERS}
    told = [f"{name} {counts[target]:,}" for target, name in names.items()]
    return f"of {fixed['networks'] * fixed['images']:,}, {', '.join(told)}"


def _row(first: list[str], one: Mapping[str, Any]) -> str:
    cells = [*first, *_times(one), ", ".join(str(one["different"][at]) for at in (BASE, *OTHERS))]
    return f"| {' | '.join(cells)} |"


def _times(one: Mapping[str, Any]) -> Iterator[str]:
    yield f"{1000 * one['ms'][BASE]:.1f} µs"
    for name in OTHERS:
        yield f"{1000 * one['ms'][name]:.1f} µs, {one['faster'][name]:.2f}{TIMES}"


def _images(result: Mapping[str, Any]) -> int:
    (count,) = {one["images"] for found in result["networks"].values() for one in found.values()}
    return int(count)


if __name__ == "__main__":
    SECTION.rewrite(block)
