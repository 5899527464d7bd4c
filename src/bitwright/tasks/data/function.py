"""One's own images out of a Python function.

It is named "package.module:function" or "path/to/file.py:function", takes no arguments and returns
a mapping of arrays with the keys that `arrays` describes.
"""

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from bitwright.errors import DataError
from bitwright.tasks.data.arrays import from_arrays
from bitwright.tasks.data.images import ImageData


def load_function(spec: str) -> ImageData:
    """The data set that the function returns. What the function itself raises goes through.

    Files that it cannot read are a DataError: nothing else says whose they are.
    """
    module_name, _, function_name = spec.rpartition(":")
    module = _file(Path(module_name), spec) if module_name.endswith(".py") else _module(spec)
    function = getattr(module, function_name, None)
    if not callable(function):
        raise DataError(
            f"'{spec}': {module_name} has no function '{function_name}'; correct the name"
        )
    try:
        arrays = function()
    except OSError as error:
        raise DataError(f"'{spec}' met trouble with its files: {error}; mend that") from error
    if not isinstance(arrays, Mapping):
        raise DataError(
            f"'{spec}' returned {type(arrays).__name__}; it must return a mapping such as "
            "{'images': ..., 'labels': ...}"
        )
    return from_arrays(function_name, arrays, spec)


def _module(spec: str) -> ModuleType:
    name = spec.rpartition(":")[0]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise DataError(
            f"'{spec}': there is no module '{error.name}'; install it, or write "
            "path/to/file.py:function"
        ) from error


def _file(path: Path, spec: str) -> ModuleType:
    path = path.expanduser()
    if not path.is_file():
        raise DataError(f"'{spec}': there is no file '{path.absolute()}'; correct the path")
    name = f"bitwright_data_{path.stem}"
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise DataError(f"'{spec}': '{path}' is no Python file")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up there
    found.loader.exec_module(module)
    return module
