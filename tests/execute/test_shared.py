"""A value for many processes, its arrays once in memory."""

import numpy as np

from bitwright.execute.shared import Shared


class Odd:
    """Something that is turned into an array to be shared."""

    def __init__(self, array):
        self.array = array


def test_a_value_comes_back_equal_and_alone():
    value = {"images": np.arange(60, dtype=np.uint8).reshape(3, 4, 5), "empty": np.zeros(0)}
    shared = Shared(value, {})
    first, second = shared.value(), shared.value()
    np.testing.assert_array_equal(first["images"], value["images"])
    assert first["empty"].shape == (0,)
    first["images"][0] = 99
    np.testing.assert_array_equal(second["images"], value["images"])
    shared.close()
    np.testing.assert_array_equal(second["images"], value["images"])


def test_an_array_that_is_shown_twice_is_kept_once():
    array = np.ones(1_000_000, np.uint8)
    once = Shared(array, {})
    twice = Shared([array, array[:], Odd(array)], {Odd: lambda odd: (Odd, (odd.array[:],))})
    assert twice._end - once._end < 2000
    assert [part.sum() for part in twice.value()[:2]] == [1_000_000] * 2
    for shared in (once, twice):
        shared.close()


def test_a_value_without_arrays_is_shared_too():
    shared = Shared(("text", 1), {})
    assert shared.value() == ("text", 1)
    shared.close()
