"""Exported C on an emulated Cortex-M4: instructions, flash and RAM at several bit widths.

    make bench-mcu
    python benchmarks/mcu.py [--images N] [--emulated N]

A keyword-spotting DS-CNN and ResNet-8 with random weights, batch norms and steps fitted to the
images. Every layer is compared with the integer reference on real test images: on this machine,
and under QEMU. Goes on where it stopped: what stands in the result file is not measured again.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networks
import numpy as np
import numpy.typing as npt
from latency import integers_of
from machine import machine

from bitwright.export import reference
from bitwright.export.c.cores import CORES
from bitwright.export.c.host import HostModel
from bitwright.export.integer import IntegerModel
from bitwright.export.packing import packed_bytes
from bitwright.measure.cost import macs
from bitwright.measure.qemu import emulator
from bitwright.measure.qemu.table import Table
from bitwright.records import Blueprint
from bitwright.tasks.data.load import load

RESULT = Path(__file__).parent / "results" / "mcu.json"
CORE = CORES["cortex-m4"]
BITS = ((8, 8), (5, 8), (4, 8), (3, 8), (4, 4), (2, 4), (2, 2))  # weights, activations
FITTED = 32  # images that norms and steps are fitted to
AT_ONCE = 50  # images of a traced run: their layers' outputs are kept in memory
Images = npt.NDArray[np.uint8]


def cropped(images: Images, size: int) -> Images:
    """The middle of each image."""
    at = (images.shape[-1] - size) // 2
    return np.ascontiguousarray(images[..., at : at + size, at : at + size])


NETWORKS: dict[str, tuple[Callable[[str, str], Blueprint], str, int]] = {
    "ds-cnn": (networks.ds_cnn, "fashion-mnist", 22),
    "resnet8": (networks.resnet8, "cifar10", 32),
}


def measured(model: IntegerModel, images: Images, emulated: int) -> dict[str, Any]:
    """Everything of one network at one pair of widths."""
    run = emulator.run(model, CORE, images[:1], observed=True)
    whole = int(emulator.run(model, CORE, images[:1]).instructions[0])
    sizes = emulator.sizes(model, CORE)
    assert run.layers is not None  # it was observed
    with tempfile.TemporaryDirectory() as folder:
        foretold = Table(CORE, path=Path(folder) / "table.json").instructions(model.graph)
    again = int(emulator.run(model, CORE, images[:1]).instructions[0])
    return {
        "instructions": whole,
        "repeats_exactly": whole == again,
        "instructions_by_table": foretold,
        "flash_bytes": sizes.flash_bytes,
        "ram_bytes": sizes.ram_bytes,
        "packed_bytes": packed_bytes(model),
        "macs": sum(macs(model.graph, node) for node in model.graph.nodes),
        "layers": [
            {
                "name": layer.node.name,
                "op": layer.node.op,
                "inputs": model.graph.node(layer.node.inputs[0]).shape,
                "outputs": layer.node.shape,
                "kernel": layer.node.kernel,
                "groups": layer.node.groups,
                "macs": macs(model.graph, layer.node),
                "instructions": int(count),
            }
            for layer, count in zip(model.layers[1:], run.layers[0], strict=True)
        ],
        "images": {"host": len(images), "emulated": min(emulated, len(images))},
        "codes_that_differ": differing(model, images, emulated),
    }


def differing(model: IntegerModel, images: Images, emulated: int) -> dict[str, int]:
    """Codes of all layers and images that are not the reference's, here and under QEMU."""
    built, found = HostModel(model), {"host": 0, "emulated": 0}
    for at in range(0, len(images), AT_ONCE):
        part = images[at : at + AT_ONCE]
        expected = reference.trace(model, part)
        for number, image in enumerate(part):
            traced = built.trace(image)
            for name, codes in expected.items():
                found["host"] += int((traced[name] != codes[number]).sum())
        if at < emulated:
            run = emulator.run(model, CORE, part[: emulated - at], traced=True)
            assert run.outputs is not None  # it was traced
            for name, codes in run.outputs.items():
                found["emulated"] += int((codes != expected[name][: len(codes)]).sum())
    return found


def main() -> None:
    """Measures what is not measured yet and writes the result file after each network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--emulated", type=int, default=1000)
    parser.add_argument("--network", choices=list(NETWORKS))
    options = parser.parse_args()
    result: dict[str, Any] = json.loads(RESULT.read_text()) if RESULT.exists() else {"networks": {}}
    result |= {"command": "python benchmarks/mcu.py", "machine": machine()}
    result |= {"core": CORE.name, "emulator": f"qemu-system-arm -M {CORE.machine}"}
    for name in [options.network] if options.network else NETWORKS:
        blueprint, data, size = NETWORKS[name]
        images = cropped(load(data).test.images[: options.images], size)
        for weights, activations in BITS:
            at = result["networks"].setdefault(name, {"data": data, "bits": {}})["bits"]
            key = f"{weights}x{activations}"
            if key in at:
                continue
            policy = f"uniform:{weights}", f"uniform:{activations}:tensor"
            model = integers_of(blueprint(*policy), images[:FITTED])
            at[key] = measured(model, images, options.emulated)
            RESULT.write_text(json.dumps(result, indent=1) + "\n")
            found = at[key]
            print(name, key, found["instructions"], found["codes_that_differ"], flush=True)


if __name__ == "__main__":
    main()
