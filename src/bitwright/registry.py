"""Names to objects; an object may be registered by its import path and is loaded when asked for.

Other distributions add to a registry by entry points of its group. Their names are read when a name
is met that is not known, or when all names are listed: a study that names none of them never pays
for them.
"""

import dataclasses
import difflib
import functools
import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from bitwright.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Form:
    """What every entry of a registry must be; `words` say it: "a subclass of Target"."""

    words: str
    fits: Callable[[Any], bool]


def subclass_of(base: type | str) -> Form:
    """The form of whole classes below `base`; a path "module:Class" is imported for the check."""

    def fits(entry: Any) -> bool:
        wanted = _attribute(base) if isinstance(base, str) else base
        kind = isinstance(entry, type) and issubclass(entry, wanted)
        return kind and not inspect.isabstract(entry)

    name = base.partition(":")[2] if isinstance(base, str) else base.__name__
    return Form(f"a subclass of bitwright's {name} with all of its methods", fits)


ANYTHING = Form("anything", lambda entry: True)
FUNCTION = Form("a function", callable)


class Registry(Generic[T]):
    """The known things of one kind ("target", "transform"), by name.

    An entry is the object itself or its path "package.module:attribute", imported on first use.
    Iteration gives the names in the order of registration, those of entry points in `group` last.

    >>> shapes: Registry[type] = Registry("shape")
    >>> shapes.register("whole", "builtins:int")
    >>> shapes.get("whole")
    <class 'int'>
    """

    def __init__(self, kind: str, *, group: str | None = None, form: Form = ANYTHING) -> None:
        self.kind = kind
        self.group = group
        self._form = form
        self._entries: dict[str, T | str] = {}
        self._families: dict[str, Callable[[str], T] | str] = {}

    def register(self, name: str, entry: T | str) -> None:
        """Adds an entry; a name already taken raises ConfigError."""
        if name in self._entries:
            raise ConfigError(f"{self.kind} '{name}' is registered twice; give one another name")
        self._entries[name] = entry if isinstance(entry, str) else self._checked(name, entry)

    def register_family(self, prefix: str, entry: Callable[[str], T] | str) -> None:
        """Adds all names of the form "prefix:rest": `entry(rest)` gives the object of each."""
        if prefix in self._families:
            raise ConfigError(f"{self.kind} family '{prefix}' is registered twice; give it another")
        self._families[prefix] = entry

    def get(self, name: str) -> T:
        """The entry of that name, one of a family, or one's own at "package.module:attribute"."""
        if name in self._entries:
            entry = self._entries[name]
            if isinstance(entry, str):
                entry = self._entries[name] = self._checked(name, self._import(entry))
            return entry
        prefix, colon, rest = name.partition(":")
        if colon and prefix in self._families:
            return self._checked(name, self._family(prefix)(rest))
        if colon:
            return self._checked(name, self._import(name))
        if name in self._offers:
            return self._checked(name, self._load(self._offers[name]))
        raise self._unknown(name)

    def require(self, name: str) -> None:
        """Raises ConfigError, with the nearest name, where none is registered; loads nothing.

        An import path is taken at its word: it is looked at when the entry is asked for.
        """
        if name not in self and ":" not in name:
            raise self._unknown(name)

    def __iter__(self) -> Iterator[str]:
        return iter((*self._entries, *self._offers))

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._offers

    def __len__(self) -> int:
        return len(self._entries) + len(self._offers)

    @functools.cached_property
    def _offers(self) -> "dict[str, EntryPoint]":
        """What installed distributions offer, by name; nothing of it is loaded."""
        if self.group is None:
            return {}
        from importlib.metadata import entry_points

        found: dict[str, EntryPoint] = {}
        for offer in entry_points(group=self.group):
            if offer.name in self._entries or offer.name in found:
                other = f" by {_maker(found[offer.name])}" if offer.name in found else ""
                raise ConfigError(
                    f"{self.kind} '{offer.name}' of {_maker(offer)} has a name that is taken"
                    f"{other}; uninstall one of the two"
                )
            found[offer.name] = offer
        return found

    def _load(self, offer: "EntryPoint") -> Any:
        """The object behind an entry point, whatever its module may raise."""
        try:
            return offer.load()
        except Exception as error:
            raise ConfigError(
                f"{self.kind} '{offer.name}' of {_maker(offer)} cannot be loaded: "
                f"{type(error).__name__}: {error}; update or uninstall that distribution"
            ) from error

    def _import(self, path: str) -> Any:
        try:
            return _attribute(path)
        except (ImportError, AttributeError, ValueError) as error:
            raise ConfigError(
                f"{self.kind} '{path}' cannot be loaded: {error}; write package.module:attribute "
                f"of something that Python can import, or a known name; {self._known()}"
            ) from error

    def _family(self, prefix: str) -> Callable[[str], T]:
        family = self._families[prefix]
        if isinstance(family, str):
            family = self._families[prefix] = cast(Callable[[str], T], self._import(family))
        return family

    def _checked(self, name: str, entry: Any) -> T:
        if not self._form.fits(entry):
            offer = self._offers.get(name) if name not in self._entries else None
            maker = f" of {_maker(offer)}" if offer else ""
            raise ConfigError(f"{self.kind} '{name}'{maker} is {entry!r}; name {self._form.words}")
        return cast(T, entry)

    def _unknown(self, name: str) -> ConfigError:
        return ConfigError(f"unknown {self.kind} '{name}'; {self._nearest(name)}{self._known()}")

    def _nearest(self, name: str) -> str:
        close = difflib.get_close_matches(name, self, n=1)
        return f"did you mean '{close[0]}'? " if close else ""

    def _known(self) -> str:
        names = [*self, *(f"{prefix}:..." for prefix in self._families)]
        return f"known: {', '.join(names) or 'none'}"


def _attribute(path: str) -> Any:
    """The object at "package.module:attribute"."""
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _maker(offer: "EntryPoint") -> str:
    """The distribution that an entry point comes from: "bitwright-example 0.1.0"."""
    return f"{offer.dist.name} {offer.dist.version}" if offer.dist else "an unnamed distribution"
