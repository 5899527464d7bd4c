"""What a microcontroller's target foretells of a network: near what is measured of the real one."""

import numpy as np
import pytest

from bitwright.export.c.cores import CORES
from bitwright.export.onnx_file import write
from bitwright.measure.qemu import emulator
from bitwright.measure.qemu.table import Table
from bitwright.targets import cortex_m
from bitwright.targets.base import make
from bitwright.targets.cortex_m import MARGIN, SIZE_MARGIN
from bitwright.testing.c_networks import every_layer
from bitwright.testing.integer_models import random_model

FORETOLD = {"instructions", "latency_ms", "flash_bytes", "ram_bytes"}


def test_what_is_measured_lies_within_the_margins(tmp_path, monkeypatch) -> None:
    if emulator.missing():
        pytest.skip(f"nothing is foretold: {emulator.missing()}")
    target, table = make("cortex-m4"), Table(CORES["cortex-m4"], path=tmp_path / "table.json")
    monkeypatch.setattr(cortex_m, "_table", lambda _: table)
    model = random_model(every_layer("lsq:4", "lsq:8:tensor"), np.random.default_rng(3))
    write(model, tmp_path / "model.onnx", {})
    measured = target.measure(tmp_path / "model.onnx")
    found = target.foretold(model.graph, {*target.metrics, "macs"})
    assert set(found) == FORETOLD
    for name, guess in found.items():
        assert guess.margin == (MARGIN if name in cortex_m.BY_LAYERS else SIZE_MARGIN)
        assert guess.least <= measured[name].value <= guess.value * (1 + guess.margin), name


def test_only_what_is_needed_is_foretold_and_nothing_without_the_tools(
    tmp_path, monkeypatch
) -> None:
    def forbidden(name: str) -> Table:
        raise AssertionError(f"the table of {name} was asked")

    graph = every_layer("lsq:4", "lsq:8:tensor")
    monkeypatch.setattr(cortex_m, "_table", forbidden)
    assert make("cortex-m7").foretold(graph, {"accuracy", "file_bytes"}) == {}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert make("cortex-m7").foretold(graph, FORETOLD) == {}
