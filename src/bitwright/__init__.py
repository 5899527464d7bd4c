"""Bitwright searches a network's structure and the quantization of every part of it together.

>>> import bitwright as bw
>>> bw.StudyConfig.from_mapping({"data": "digits", "space": "tiny"}).target
'onnxruntime-cpu'
"""

from typing import TYPE_CHECKING, Any

from bitwright._version import __version__

if TYPE_CHECKING:
    from bitwright.config import StudyConfig
    from bitwright.errors import BitwrightError
    from bitwright.export.runtime import Model, load
    from bitwright.study.session import search, view
    from bitwright.study.view import Entry, StudyView
    from bitwright.study.watch import Watcher

__all__ = [
    "BitwrightError",
    "Entry",
    "Model",
    "StudyConfig",
    "StudyView",
    "Watcher",
    "__version__",
    "load",
    "search",
    "view",
]

_HOMES = {
    "BitwrightError": "bitwright.errors",
    "Entry": "bitwright.study.view",
    "Model": "bitwright.export.runtime",
    "StudyConfig": "bitwright.config",
    "StudyView": "bitwright.study.view",
    "Watcher": "bitwright.study.watch",
    "load": "bitwright.export.runtime",
    "search": "bitwright.study.session",
    "view": "bitwright.study.session",
}


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used: `import bitwright` costs nothing."""
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module 'bitwright' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)
