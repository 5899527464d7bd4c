"""The table of layers: foretells a whole network's instructions, and measures each kind once."""

from pathlib import Path

import numpy as np
import pytest

from bitwright.errors import TargetError
from bitwright.export.c.cores import CORES
from bitwright.measure.qemu import emulator
from bitwright.measure.qemu.table import Table
from bitwright.testing.c_networks import every_layer
from bitwright.testing.integer_models import random_images, random_model

CORTEX_M4 = CORES["cortex-m4"]
BYTES_OFF = 64  # of code: a network's own calls, where offsets need more instructions or fewer
ERROR = 0.03  # of a network's instructions: what a layer takes depends a little on its numbers


@pytest.mark.slow
def test_the_sum_over_layers_is_the_network_and_is_kept(tmp_path: Path, monkeypatch) -> None:
    if emulator.missing():
        pytest.skip(f"the table is not tested: {emulator.missing()}")
    model = random_model(every_layer("affine:3", "apot:4:tensor"), np.random.default_rng(0))
    table = Table(CORTEX_M4, path=tmp_path / "kept" / "table.json")
    foretold = table.instructions(model.graph)
    images = random_images(model.graph, 1, np.random.default_rng(1))
    counted = emulator.run(model, CORTEX_M4, images).instructions[0]
    assert abs(foretold / counted - 1) < ERROR
    assert len(table) == len(model.layers) - 1
    monkeypatch.setenv("PATH", "")  # nothing can be run any more
    again = Table(CORTEX_M4, path=tmp_path / "kept" / "table.json")
    other = random_model(every_layer("affine:3", "apot:4:tensor"), np.random.default_rng(5))
    assert abs(again.instructions(other.graph) / counted - 1) < ERROR


@pytest.mark.parametrize("weight", ["affine:3:channel", "apot:4"])
def test_flash_and_ram_are_those_of_the_linked_network(
    weight: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if emulator.missing():
        pytest.skip(f"the table is not tested: {emulator.missing()}")
    table = Table(CORTEX_M4, path=tmp_path / "table.json")
    small, large = (every_layer(weight, "lsq:8:tensor", width=width) for width in (6, 20))
    table.sizes(small)
    expected = emulator.sizes(random_model(large, np.random.default_rng(1)), CORTEX_M4)
    monkeypatch.setenv("PATH", "")  # nothing can be linked any more
    found = Table(CORTEX_M4, path=tmp_path / "table.json").sizes(large)
    assert found.ram_bytes == expected.ram_bytes
    assert abs(found.flash_bytes - expected.flash_bytes) <= BYTES_OFF


def test_a_table_of_its_own_place_needs_the_compiler_it_is_of(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(TargetError, match="not on the path"):
        Table(CORTEX_M4)
    monkeypatch.undo()
    if emulator.missing():
        pytest.skip(f"the table is not tested: {emulator.missing()}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert len(Table(CORTEX_M4)) == 0
