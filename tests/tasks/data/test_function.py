import textwrap

import pytest

from bitwright.errors import DataError
from bitwright.tasks.data.load import load

SOURCE = """
    import dataclasses
    import numpy as np

    @dataclasses.dataclass
    class Noise:
        seed: int

    def noise():
        rng = np.random.default_rng(Noise(3).seed)
        return {"images": rng.normal(size=(40, 8, 8)), "labels": np.arange(40) % 4}

    def wrong():
        return [1, 2]

    def failing():
        raise RuntimeError("the camera is off")

    def unread():
        return np.load("gone.npy")

    number = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "mydata.py").write_text(textwrap.dedent(SOURCE))
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "mydata.py"


def test_a_function_by_file_and_by_module_gives_the_same(module):
    by_file = load(f"{module}:noise")
    by_module = load("mydata:noise")
    assert by_file.digest == by_module.digest
    assert by_file.name == "noise"
    assert len(by_file.train) + len(by_file.test) == 40
    assert by_file.train.images.min() == 0
    assert by_file.train.images.max() == 255


@pytest.mark.parametrize("name", ["nose", "number"])
def test_what_is_no_function_is_refused(module, name):
    with pytest.raises(DataError, match=f"has no function '{name}'"):
        load(f"{module}:{name}")


def test_what_returns_no_mapping_is_refused(module):
    with pytest.raises(DataError, match="returned list; it must return a mapping"):
        load("mydata:wrong")


def test_missing_modules_and_files_are_named(tmp_path):
    with pytest.raises(DataError, match="no module 'no_such_module'"):
        load("no_such_module:data")
    with pytest.raises(DataError, match=r"there is no file '.*gone.py'"):
        load(f"{tmp_path}/gone.py:data")


def test_the_functions_own_error_keeps_its_traceback(module):
    with pytest.raises(RuntimeError, match="the camera is off"):
        load("mydata:failing")


def test_a_file_that_the_function_misses_is_told_with_its_name(module):
    with pytest.raises(DataError, match=r"'mydata:unread' met trouble .*gone\.npy"):
        load("mydata:unread")
