"""Exported C under QEMU: what it computes and how many instructions it takes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bitwright.errors import MeasurementError, TargetError
from bitwright.export import reference
from bitwright.export.c.cores import CORES, core_named
from bitwright.export.c.model_source import write_model
from bitwright.graph import GraphBuilder
from bitwright.measure.qemu import emulator
from bitwright.quant.spec import Method
from bitwright.testing.c_networks import PIXELS, any_network, every_layer
from bitwright.testing.integer_models import random_images, random_model

CORTEX_M4 = CORES["cortex-m4"]
LOOP = """
#include "model.h"
static uint8_t input[1];
static int32_t logits[1];
uint8_t *model_input(void) { return input; }
const int32_t *model_run(void)
{
    uint32_t turns = 1000U * input[0];
    __asm__ volatile("1: subs %0, #1\\n\\t bne 1b" : "+r"(turns));
    return logits;
}
"""
LOOP_HEADER = """
#include <stdint.h>
#define MODEL_INPUTS 1
#define MODEL_OUTPUTS 1
uint8_t *model_input(void);
const int32_t *model_run(void);
"""


@pytest.fixture(autouse=True)
def tools() -> Iterator[None]:
    reason = emulator.missing()
    if reason:
        pytest.skip(f"nothing of QEMU is tested: {reason}")
    yield


def model_of(weight: str, activation: str = "lsq:8:tensor"):
    return random_model(every_layer(weight, activation), np.random.default_rng(3))


@pytest.mark.parametrize("core", list(CORES))
def test_a_loop_of_known_length_is_counted_exactly(core: str, tmp_path: Path) -> None:
    files = {"model.c": LOOP, "model.h": LOOP_HEADER, "harness.c": emulator.harness()}
    options = [*emulator.timer_options(CORES[core]), "-DMODEL_TRACED=0"]
    emulator.link(files, CORES[core], tmp_path, options)
    data = emulator.emulate(CORES[core], tmp_path, bytes([1, 2, 4, 200]))
    ticks = data.view(np.uint32).reshape(4, 2)[:, 1]
    counted = emulator.instructions_of(ticks, CORES[core])
    turns = 1000 * np.array([1, 2, 4, 200])
    assert np.array_equal(counted - counted[0], 2 * (turns - turns[0]))
    assert 0 < counted[0] - 2 * turns[0] < 40  # the call itself


@pytest.mark.parametrize("core", list(CORES))
def test_every_layer_is_exact_on_every_core(core: str) -> None:
    weights = dict(zip(CORES, ("lsq:8", "lsq:4", "lsq:2", "affine:3:channel"), strict=True))
    model = model_of(weights[core])
    images = random_images(model.graph, 3, np.random.default_rng(4))
    found = emulator.run(model, CORES[core], images, traced=True)
    expected = reference.trace(model, images)
    assert found.outputs is not None
    for name, codes in found.outputs.items():
        assert np.array_equal(codes, expected[name]), name
    assert len(found.outputs) == len(model.layers) - 1


@pytest.mark.parametrize("weight", ["lsq:1", "codebook:2:tensor", "dorefa:4"])
def test_every_form_of_weights_is_exact(weight: str) -> None:
    model = model_of(weight, "apot:4:tensor")
    images = random_images(model.graph, 3, np.random.default_rng(4))
    found = emulator.run(model, CORTEX_M4, images)
    assert np.array_equal(found.logits, reference.trace(model, images)["head"])


@pytest.mark.parametrize("seed", range(8))
def test_any_shape_is_exact_on_the_processor(seed: int) -> None:
    """By the DSP instructions, which the C compiled for this machine does not have."""
    rng = np.random.default_rng(seed)
    model = random_model(any_network(rng), rng)
    images = random_images(model.graph, 2, rng)
    images[0] = np.where(images[0] < 128, 0, 255)
    core = CORES[list(CORES)[seed % len(CORES)]]
    found = emulator.run(model, core, images, traced=True).outputs
    assert found is not None
    expected = reference.trace(model, images)
    for name, codes in found.items():
        assert np.array_equal(codes, expected[name]), name


def test_instructions_repeat_exactly_and_layers_make_up_the_whole() -> None:
    model = model_of("lsq:4")
    images = random_images(model.graph, 3, np.random.default_rng(4))
    first, second = (emulator.run(model, CORTEX_M4, images) for _ in range(2))
    assert np.array_equal(first.instructions, second.instructions)
    observed = emulator.run(model, CORTEX_M4, images, observed=True)
    assert observed.layers is not None and observed.outputs is None
    assert (observed.layers > 0).all()
    parts = observed.layers.sum(1)
    assert np.allclose(parts, first.instructions, rtol=0.01)


def test_narrow_weights_take_less_flash_and_the_arena_is_the_ram() -> None:
    wide, narrow = (
        random_model(every_layer(f"lsq:{bits}", "lsq:8:tensor", width=24), np.random.default_rng(0))
        for bits in (8, 4)
    )
    large, small = (emulator.sizes(model, CORTEX_M4) for model in (wide, narrow))
    weights = sum(layer.codes.size for layer in wide.layers if layer.codes is not None)
    assert abs(large.flash_bytes - small.flash_bytes - weights / 2) < 1000  # kernels differ
    arena = write_model(narrow, {}).arena.size_bytes
    assert arena <= small.ram_bytes <= arena + 16


def test_what_the_timer_cannot_count_is_refused() -> None:
    build = GraphBuilder((1, 2000, 2000), PIXELS)
    quantized = {"weight": Method.parse("lsq:8"), "activation": Method.parse("lsq:8:tensor")}
    build.conv("conv", "input", unit="u", width=128, kernel=1, **quantized)
    build.global_average_pool("mean", "conv", unit="u", activation=quantized["activation"])
    build.linear("head", "mean", unit="h", width=2, weight=PIXELS, activation=None)
    images = np.zeros((0, 1, 2000, 2000), np.uint8)
    from bitwright.export.integer import IntegerModel

    with pytest.raises(MeasurementError, match="make it smaller"):
        emulator.run(IntegerModel(build.finish(), ()), CORTEX_M4, images)


def test_what_the_board_has_no_room_for_is_refused() -> None:
    build = GraphBuilder((1, 32, 32), PIXELS)
    quantized = {"weight": Method.parse("lsq:8"), "activation": Method.parse("lsq:8:tensor")}
    build.linear("hidden", "input", unit="u", width=600, **quantized)
    build.linear("head", "hidden", unit="h", width=2, weight=PIXELS, activation=None)
    model = random_model(build.finish(), np.random.default_rng(0))
    with pytest.raises(MeasurementError, match="512 KiB of flash and 2048 KiB of RAM; make it"):
        emulator.sizes(model, core_named("cortex-m55"))


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    reason = emulator.missing()
    assert reason is not None and "qemu-system-arm" in reason and "gcc-arm-none-eabi" in reason
    with pytest.raises(TargetError, match="not on the path"):
        emulator.sizes(model_of("lsq:4"), CORTEX_M4)


def test_an_unknown_processor_is_refused() -> None:
    with pytest.raises(TargetError, match="choose one of cortex-m4"):
        core_named("cortex-a72")
