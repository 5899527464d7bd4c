"""A told scale leaves no result of float32 in doubt; where none was, it is the scale itself."""

import numpy as np
import pytest

from bitwright.export.integer import Grid, Layer
from bitwright.export.reference import rescaled, rescales_of
from bitwright.export.told_scale import UNIT, Told, told_scale
from bitwright.graph import GraphBuilder
from bitwright.quant.spec import Method
from bitwright.testing.c_networks import PIXELS

CODES = Method.parse("lsq:8:tensor", "activation")


def grid_of(high: int, scale: float, zero: int = 0) -> Grid:
    return Grid(np.array(scale, np.float32), np.array(zero, np.int32), 8, 0, high)


def mean_of(height: int, width: int, source: Grid, output: Grid) -> Layer:
    build = GraphBuilder((1, height, width), PIXELS)
    build.global_average_pool("mean", "input", unit="u", activation=CODES)
    node = build.finish().nodes[-1]
    window = height * width
    return Layer(node, output, rescales=rescales_of(node, [source], output, window=window))


@pytest.mark.parametrize("window", [(2, 3), (5, 6), (6, 6), (7, 10)])
@pytest.mark.parametrize(("codes", "onto"), [(15, 15), (7, 3), (255, 255)])
def test_means_on_fixed_ranges_round_as_the_integers(
    window: tuple[int, int], codes: int, onto: int
) -> None:
    source, output = grid_of(codes, 1 / codes), grid_of(onto, 1 / onto)
    layer, area = mean_of(*window, source, output), window[0] * window[1]
    sums = np.arange(area * codes + 1)
    wanted = rescaled([sums], layer.rescales)

    def right(scale: np.float32, error: float) -> bool:
        factor = float(source.scale) / area / float(scale) * (1 + error)
        return np.array_equal(np.rint(sums * factor), wanted)

    told = told_scale(layer, [source], [source.scale], window=area).scale
    errors = (-UNIT, UNIT)  # either way, as kernels may round the factor
    assert all(right(told, error) for error in errors)
    assert not all(right(output.scale, error) for error in errors)  # or this proves nothing
    assert abs(float(told) / float(output.scale) - 1) < 1e-4


def test_a_scale_that_leaves_no_doubt_is_told_as_it_is() -> None:
    source, output = grid_of(15, 0.217), grid_of(15, 0.1834)
    assert told_scale(mean_of(3, 3, source, output), [source], [source.scale], window=9) == Told(
        np.float32(0.1834)
    )


def test_halves_of_powers_of_two_stay_ties() -> None:
    source, output = grid_of(255, 0.25), grid_of(255, 0.5)
    layer = mean_of(4, 4, source, output)  # every sixteenth mean is an exact half
    assert told_scale(layer, [source], [source.scale], window=16) == Told(np.float32(0.5))


@pytest.mark.parametrize("op", ["add", "multiply"])
def test_what_the_inputs_are_off_is_made_up_for(op: str) -> None:
    build = GraphBuilder((4, 5, 5), PIXELS)
    if op == "add":
        build.add("both", "input", "input", unit="u", activation=CODES, relu=False)
    else:
        build.multiply("both", "input", "input", unit="u", activation=CODES)
    sources = [grid_of(15, 0.0213, 8), grid_of(15, 1 / 15)]
    output = grid_of(255, 0.00611, 128)
    node = build.finish().nodes[-1]
    layer = Layer(node, output, rescales=rescales_of(node, sources, output))
    off = np.float32(1 + 2e-5)
    told = told_scale(layer, sources, [grid.scale * off for grid in sources], window=1).scale
    a, b = np.meshgrid(np.arange(16) - 8, np.arange(16))
    values = [a.ravel(), b.ravel()] if op == "add" else [(a * b).ravel()]
    wanted = rescaled(values, layer.rescales)
    reals = [grid.scale * off * codes for grid, codes in zip(sources, (a, b), strict=True)]
    found = (sum(reals) if op == "add" else reals[0] * reals[1]) / told
    assert np.array_equal(np.rint(found.ravel()), wanted)


def test_the_second_operand_of_a_sum_is_moved_where_its_sign_decides() -> None:
    build = GraphBuilder((4, 5, 5), PIXELS)
    build.add("both", "input", "input", unit="u", activation=CODES, relu=False)
    sources, output = [grid_of(7, 1 / 3, 4), grid_of(63, 1 / 8, 32)], grid_of(7, 1 / 3, 4)
    node = build.finish().nodes[-1]
    layer = Layer(node, output, rescales=rescales_of(node, sources, output))
    scales = [np.float32(grid.scale) for grid in sources]
    told = told_scale(layer, sources, scales, window=1)
    a, b = (codes.ravel() for codes in np.meshgrid(np.arange(8) - 4, np.arange(64) - 32))
    wanted = rescaled([a, b], layer.rescales)

    def right(told: Told, error: float) -> bool:
        reals = a * float(scales[0]) + b * float(scales[1]) * float(told.second) * (1 + error)
        return np.array_equal(np.rint(reals / float(told.scale)), wanted)

    assert told.second != 1
    assert all(right(told, error) for error in (-UNIT, UNIT))
    assert not all(right(Told(scales[0]), error) for error in (-UNIT, UNIT))
