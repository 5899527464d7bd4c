"""Fills the section on microcontrollers in results.md from the committed result.

.venv/bin/python docs/results_mcu.py
"""

from collections.abc import Iterator, Mapping
from typing import Any

from results_page import Section

SECTION = Section("mcu")
HEAD = (
    "| network | weights x activations | million instructions | a MAC | flash | RAM | "
    "foretold | codes that differ |\n|---|---|---|---|---|---|---|---|"
)
LAYER_MARK, CHANNELS = 1.3, 16  # instructions a MAC of 8-bit convolutions, and which count
NARROW_MARK, FLASH_MARK = 1.25, 0.5  # of the 8-bit network, with weights of 4 bits
WIDE, NARROW = "8x8", "4x8"
SHOWN = (WIDE, "5x8", NARROW, "3x8")  # of each kind of layer


def block(result: Mapping[str, Any]) -> str:
    """The section: a row for each network and pair of widths, its layers, and the marks."""
    rows = [
        _row(name, bits, found)
        for name, network in result["networks"].items()
        for bits, found in network["bits"].items()
    ]
    emulator = f"`{result['core']}` under `{result['emulator']}`"
    intro = (
        f"Exported C on {emulator}: one inference, random weights fitted to the images. Flash and "
        "RAM are those of the linked program, its start-up code included, without the stack. "
        "*Foretold* is how far the sum over layers, each kind run alone with random numbers, lies "
        "from the whole network. *Codes that differ* from the integer reference's, of every layer, "
        "are counted on so many test images here, and on so many under QEMU."
    )
    return SECTION.of([intro, "\n".join([HEAD, *rows]), *_layers(result), *_marks(result)])


def _row(name: str, bits: str, found: Mapping[str, Any]) -> str:
    apart = found["instructions_by_table"] / found["instructions"] - 1
    differing, images = found["codes_that_differ"], found["images"]
    cells = [
        name,
        bits,
        f"{found['instructions'] / 1e6:.2f}",
        f"{found['instructions'] / found['macs']:.2f}",
        f"{found['flash_bytes'] / 1000:.1f} kB",
        f"{found['ram_bytes'] / 1000:.1f} kB",
        f"{100 * apart:+.2f} %",
        f"{differing['host']} of {images['host']:,} images, "
        f"{differing['emulated']} of {images['emulated']:,}",
    ]
    return f"| {' | '.join(cells)} |"


def _layers(result: Mapping[str, Any]) -> Iterator[str]:
    """Instructions a MAC of each kind of convolution, at several widths of weights."""
    lines = [f"| layer | {' | '.join(SHOWN)} |", f"|---|{'---|' * len(SHOWN)}"]
    told: set[str] = set()
    for network in result["networks"].values():
        for layers in zip(*(network["bits"][bits]["layers"] for bits in SHOWN), strict=True):
            if layers[0]["op"] == "conv" and _kind(layers[0]) not in told:
                told.add(_kind(layers[0]))
                cells = [_kind(layers[0]), *(f"{_per_mac(layer):.2f}" for layer in layers)]
                lines.append(f"| {' | '.join(cells)} |")
    yield "Instructions a MAC, gathering of inputs and rescaling included:"
    yield "\n".join(lines)


def _kind(layer: Mapping[str, Any]) -> str:
    depthwise = "depthwise " if layer["groups"] > 1 else ""
    before, after = layer["inputs"], layer["outputs"]
    return (
        f"{depthwise}{layer['kernel']}x{layer['kernel']}, {before[0]} to {after[0]} channels, "
        f"{after[1]}x{after[2]}"
    )


def _per_mac(layer: Mapping[str, Any]) -> float:
    return float(layer["instructions"] / layer["macs"])


def _marks(result: Mapping[str, Any]) -> Iterator[str]:
    """What was to be reached, and what was."""
    counted = [
        layer
        for network in result["networks"].values()
        for layer in network["bits"][WIDE]["layers"]
        if layer["op"] == "conv" and min(layer["inputs"][0], layer["outputs"][0]) >= CHANNELS
    ]
    above = {_kind(layer): None for layer in counted if _per_mac(layer) > LAYER_MARK}
    missed = f"all but {'; '.join(above)}" if above else "all"
    yield (
        f"**Marks.** At most {LAYER_MARK} instructions a MAC on 8-bit convolutions of {CHANNELS} "
        f"or more channels: {missed}. Two weights times four pixels take 5.5 instructions, 0.69 a "
        "MAC; a code 8 more, to begin, to be rescaled and stored; each input 1.2 to be gathered, "
        "once for a block of rows. A depthwise code has but 9 MACs for its 8: with 8 for these and "
        "5 for inputs that are parted into planes it takes 2.3 a MAC before rows begin and weights "
        "are decoded."
    )
    for name, network in result["networks"].items():
        wide, narrow = (network["bits"][bits] for bits in (WIDE, NARROW))
        slower = narrow["instructions"] / wide["instructions"]
        flash = narrow["flash_bytes"] / wide["flash_bytes"]
        packed = narrow["packed_bytes"] / wide["packed_bytes"]
        yield (
            f"With weights of 4 bits {name} takes {slower:.2f} times the instructions of 8 bits "
            f"({NARROW_MARK} at most: {'met' if slower <= NARROW_MARK else 'missed'}), "
            f"{packed:.2f} times the bytes of packed numbers, and {flash:.2f} times the flash "
            f"({FLASH_MARK} was wanted: {'met' if flash <= FLASH_MARK else 'missed'}): "
            f"{(2 * narrow['flash_bytes'] - wide['flash_bytes']) / 1000:.1f} kB are no weights but "
            "code, and 9 bytes of bias, multiplier and shift for each channel."
        )
    yield f"`make bench-mcu`; {result['machine']['processor']} emulates."


if __name__ == "__main__":
    SECTION.rewrite(block)
