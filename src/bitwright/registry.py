"""Names to objects; an object may be registered by its import path and is loaded when asked for."""

import difflib
import importlib
from collections.abc import Iterator
from typing import Any, Generic, TypeVar, cast

from bitwright.errors import ConfigError

T = TypeVar("T")


class Registry(Generic[T]):
    """The known things of one kind ("target", "transform"), by name.

    An entry is the object itself or its path "package.module:attribute", imported on first use.
    Iteration gives the names in the order of registration.

    >>> shapes: Registry[type] = Registry("shape")
    >>> shapes.register("whole", "builtins:int")
    >>> shapes.get("whole")
    <class 'int'>
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T | str] = {}

    def register(self, name: str, entry: T | str) -> None:
        """Adds an entry; a name already taken raises ConfigError."""
        if name in self._entries:
            raise ConfigError(f"{self.kind} '{name}' is registered twice; give one another name")
        self._entries[name] = entry

    def get(self, name: str) -> T:
        """The entry of that name, or the user's own object at "package.module:attribute"."""
        if name in self._entries:
            entry = self._entries[name]
            if isinstance(entry, str):
                entry = self._entries[name] = cast(T, self._import(entry))
            return entry
        if ":" in name:
            return cast(T, self._import(name))
        raise self._unknown(name)

    def require(self, name: str) -> None:
        """Raises ConfigError, with the nearest name, where none is registered; loads nothing."""
        if name not in self._entries:
            raise self._unknown(name)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._entries))

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def _import(self, path: str) -> Any:
        module_name, _, attribute = path.partition(":")
        try:
            return getattr(importlib.import_module(module_name), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            raise ConfigError(
                f"{self.kind} '{path}' cannot be loaded: {error}; write package.module:attribute "
                f"of something that Python can import, or a known name; {self._known()}"
            ) from error

    def _unknown(self, name: str) -> ConfigError:
        return ConfigError(f"unknown {self.kind} '{name}'; {self._nearest(name)}{self._known()}")

    def _nearest(self, name: str) -> str:
        close = difflib.get_close_matches(name, self._entries, n=1)
        return f"did you mean '{close[0]}'? " if close else ""

    def _known(self) -> str:
        return f"known: {', '.join(self._entries) or 'none'}"
