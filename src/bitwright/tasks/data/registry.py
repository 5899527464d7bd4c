"""The data sets that have a name."""

from bitwright.errors import DataError
from bitwright.tasks.data.cifar10 import CIFAR10
from bitwright.tasks.data.digits import DIGITS
from bitwright.tasks.data.fashion_mnist import FASHION_MNIST
from bitwright.tasks.data.mnist import MNIST
from bitwright.tasks.data.source import Source

_SOURCES = {source.name: source for source in (DIGITS, FASHION_MNIST, MNIST, CIFAR10)}


def register(source: Source) -> None:
    """Adds a named data set; DataError if the name is taken."""
    if source.name in _SOURCES:
        raise DataError(
            f"a data set named '{source.name}' is already registered; choose another name"
        )
    _SOURCES[source.name] = source


def sources() -> tuple[Source, ...]:
    """All of them, in the order they were registered."""
    return tuple(_SOURCES.values())


def find_source(name: str) -> Source | None:
    """The data set of that name, if there is one."""
    return _SOURCES.get(name)
