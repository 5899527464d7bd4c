"""The one door to data: a name, a folder, an .npz file or a function in, an `ImageData` out."""

import difflib
import re
from pathlib import Path

from bitwright.errors import DataError
from bitwright.tasks.data.arrays import load_npz
from bitwright.tasks.data.cache import cache_folder
from bitwright.tasks.data.fetch import fetch
from bitwright.tasks.data.folder import load_folder
from bitwright.tasks.data.function import load_function
from bitwright.tasks.data.images import ImageData
from bitwright.tasks.data.origin import Progress, silent
from bitwright.tasks.data.registry import find_source, sources

_FUNCTION = re.compile(r".+:[A-Za-z_]\w*")


def load(spec: str, *, cache: Path | None = None, progress: Progress = silent) -> ImageData:
    """The data set that `spec` names.

    - a registered name ("fashion-mnist"): out of the cache, fetched first if need be; a folder of
      the same name is written "./fashion-mnist";
    - a folder of class folders (see `folder`);
    - an .npz file (see `arrays`);
    - "package.module:function" or "path/to/file.py:function" (see `function`).

    DataError if there is no such data set or it cannot be learned from.
    """
    source = find_source(spec)
    if source is not None:
        return fetch(source, cache or cache_folder(), progress)
    path = Path(spec).expanduser()
    if path.is_dir():
        return load_folder(path)
    if path.suffix == ".npz":
        return load_npz(path)
    if _FUNCTION.fullmatch(spec):
        return load_function(spec)
    raise unknown(spec)


def unknown(name: str) -> DataError:
    """The error for a data set that is not there, with the nearest registered name."""
    names = [source.name for source in sources()]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return DataError(
        f"there is no data set '{name}': it is none of {', '.join(names)}, no folder of class "
        f"folders, no .npz file and no module:function{hint}"
    )
