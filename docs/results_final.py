"""Fills the section on final networks in results.md, and draws final.svg, from the result.

.venv/bin/python docs/results_final.py
"""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from picture import BLACK, DIAMOND, RED, STAR, Axis, Panel, Point, placed, svg
from results_page import ROOT, Section

SECTION = Section("final")
PICTURE = ROOT / "docs/final.svg"
DATA = "cifar10"  # the data set that has more than one network
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 400, 60, 24, 36, 76
SMALLEST = 5.0  # kB at the picture's left edge
HEAD = (
    "| study | wanted | test accuracy | packed | file | MACs | candidates trained | CPU time | "
    "wall time |\n|---|---|---|---|---|---|---|---|---|"
)


def block(result: Mapping[str, Any]) -> str:
    """The section: a row for each study, and where its network lies."""
    rows = [_row(name, found) for name, found in result.items()]
    told = (_told(name, found) for name, found in result.items())
    shown = f"![Test accuracy against packed size: the CIFAR-10 networks]({PICTURE.name})"
    return SECTION.of(["\n".join([HEAD, *rows]), shown, *told])


def _row(name: str, found: Mapping[str, Any]) -> str:
    wanted, network = found["wanted"], found["network"]
    cells = [
        f"[{name}](../benchmarks/studies/{name}.yaml)",
        _mark(wanted),
        f"**{100 * network['test_accuracy']:.2f} %**",
        f"{network['packed_bytes'] / 1000:.1f} kB",
        f"{network['file_bytes'] / 1000:.1f} kB",
        f"{network['macs'] / 1e6:.1f} M",
        f"{found['complete']} of {found['trials']}",
        _clock(found["cpu_s"]),
        _clock(found["wall_s"]),
    ]
    return f"| {' | '.join(cells)} |"


def _mark(wanted: Mapping[str, Any]) -> str:
    shares = [f"{100 * wanted['test_accuracy']:.1f} %"]
    if wanted["packed_bytes"] is not None:
        shares.append(f"within {wanted['packed_bytes'] / 1000:g} kB")
    if wanted.get("latency") is not None:
        shares.append(f"in {wanted['latency']:g} of an int8 ResNet-8's time")
    return " ".join(shares)


def _clock(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d} h"


def _told(name: str, found: Mapping[str, Any]) -> str:
    sittings = found["sittings"]
    kept = "reaches" if found["reached"] else "misses"
    units = ", ".join(_unit(unit, found["policy"]) for unit in found["units"])
    return (
        f"`{name}` {kept} its mark, in {sittings} sitting{'s' if sittings > 1 else ''}."
        f"{_beside(found.get('beside_resnet8'))} "
        f"The [network](../benchmarks/results/final-{name}.onnx): {units}. `{found['command']}`; "
        f"{found['machine']['processor']}."
    )


def _beside(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    low, high = found["quartiles"]
    return (
        f" It takes {found['ratio']:.2f} of an int8 ResNet-8's time (quartiles {low:.2f} to "
        f"{high:.2f}; {found['ms']:.3f} against {found['resnet8_ms']:.3f} ms, in turns)."
    )


def _unit(unit: Mapping[str, Any], policy: list[str]) -> str:
    """A unit in a few words: `body1/0` residual 24, lsq:2."""
    weights = next(
        (line.split()[2] for line in policy if line.startswith(f"{unit['path']} weight ")), ""
    )
    method = ":".join(weights.split(":")[:2])
    return f"{unit['kind'].replace('_', ' ')} {unit['width']} ({method})"


def draw(result: Mapping[str, Any]) -> str:
    """The CIFAR-10 networks by their size, each tied to the mark that its study was after."""
    found = {name: one for name, one in result.items() if one["study"]["data"]["name"] == DATA}
    networks = {name: _point(one["network"]) for name, one in found.items()}
    marks = {
        name: _point(one["wanted"])
        for name, one in found.items()
        if one["wanted"]["packed_bytes"] is not None
    }
    points = [*networks.values(), *marks.values()]
    x = Axis.decades([SMALLEST, *(size for size, _ in points)], LEFT, WIDTH - RIGHT)
    y = Axis.over([accuracy for _, accuracy in points], HEIGHT - BOTTOM, TOP)
    panel = Panel(f"{DATA}: accuracy on all test images", x, y, "packed kB", " %")
    return svg(WIDTH, HEIGHT, [*panel.frame(), *_drawn(panel, networks, marks), *_legend()])


def _drawn(
    panel: Panel, networks: Mapping[str, Point], marks: Mapping[str, Point]
) -> Iterator[str]:
    for name, (size, accuracy) in networks.items():
        across, up = panel.x.at(size), panel.y.at(accuracy)
        if name in marks:
            mark = f"{panel.x.at(marks[name][0]):.1f},{panel.y.at(marks[name][1]):.1f}"
            line = f"M{across:.1f},{up:.1f} L{mark}"
            yield f'<path d="{line}" stroke="{BLACK}" stroke-dasharray="2 3"/>'
            yield panel.mark(marks[name], DIAMOND, BLACK)
        yield panel.mark((size, accuracy), STAR, RED)
        place = f'x="{across:.1f}" y="{up - 15:.1f}"'
        told = f"{escape(name)} {accuracy:.2f} %"
        yield f'<text {place} text-anchor="middle" fill="{RED}">{told}</text>'


def _legend() -> Iterator[str]:
    marks = ((STAR, RED, "what a search ended in"), (DIAMOND, BLACK, "what its study was after"))
    for column, (shape, colour, name) in enumerate(marks):
        left = LEFT + 10 + 220 * column
        yield placed(shape, colour, left, HEIGHT - 18)
        yield f'<text x="{left + 18}" y="{HEIGHT - 14}">{name}</text>'


def _point(found: Mapping[str, Any]) -> Point:
    return found["packed_bytes"] / 1000, 100 * found["test_accuracy"]


if __name__ == "__main__":
    PICTURE.write_text(draw(SECTION.read()), encoding="utf-8")
    SECTION.rewrite(block)
