"""Several targets as one: a network must run on each of them, and is measured on each of them."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bitwright.errors import ConfigError
from bitwright.metrics import ON, on
from bitwright.quant.spec import Method, Role
from bitwright.records import Measurement
from bitwright.targets.base import FILE, Foretold, Runner, Target, kind_of, make

if TYPE_CHECKING:
    from bitwright.export.integer import IntegerModel
    from bitwright.graph import Graph


class Several(Target):
    """Runs what all of them run; the first of them says how accurate a network is.

    Metrics bear the name of their target, `latency_ms@cortex-m4`, but for the size of the one file
    that all of them are given: it is the first one's, after each of the others could export it too.
    """

    name = "several"

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self._targets = dict(targets)
        self.metrics = _named({label: target.metrics for label, target in targets.items()})
        self.timed = any(target.timed for target in targets.values())

    @property
    def leading(self) -> Target:
        """The first."""
        return next(iter(self._targets.values()))

    @property
    def each(self) -> Mapping[str, Target]:
        """All of them, in the order of the study."""
        return self._targets

    @property
    def fingerprint(self) -> str:
        """Those of all of them that have one."""
        found = {label: target.fingerprint for label, target in self._targets.items()}
        return " ".join(f"{label}={text}" for label, text in found.items() if text)

    def missing(self) -> str | None:
        """What the first of them needs that is not installed here."""
        found = (target.missing() for target in self._targets.values())
        return next((reason for reason in found if reason is not None), None)

    def supports(self, method: Method, role: Role) -> str | None:
        """None where all of them run the method, else the first reason why not."""
        for label, target in self._targets.items():
            reason = target.supports(method, role)
            if reason is not None:
                return f"{label}: {reason}"
        return None

    def lacks(self, graph: "Graph") -> str | None:
        """The first reason why one of them does not run the network."""
        for label, target in self._targets.items():
            reason = target.lacks(graph)
            if reason is not None:
                return f"{label}: {reason}"
        return None

    def export(self, model: "IntegerModel", path: Path, metadata: Mapping[str, str]) -> None:
        """Writes the first one's file; ExportError where any of them could not."""
        for target in reversed(self._targets.values()):
            target.export(model, path, metadata)

    def form(self, path: Path) -> dict[str, str]:
        """What the first one's export is to be told."""
        return self.leading.form(path)

    def load(self, path: Path, *, threads: int = 1) -> Runner:
        """The file as the first of them runs it."""
        return self.leading.load(path, threads=threads)

    def measure(self, path: Path) -> dict[str, Measurement]:
        """All that all of them measure."""
        return self.measured(path, self.metrics)

    def times(self, needs: Collection[str]) -> bool:
        """Whether any of them must be timed to tell these."""
        return any(target.times(_plain(needs, label)) for label, target in self._targets.items())

    def measured(self, path: Path, needs: Collection[str]) -> dict[str, Measurement]:
        """What each of them measures; of those that are timed, only of which one is needed."""
        found = {FILE: Measurement(float(path.stat().st_size))}
        for label, target in self._targets.items():
            measured = target.measured(path, _plain(needs, label))
            found |= {on(name, label): at for name, at in measured.items() if name != FILE}
        return found

    def counted(self, graph: "Graph") -> dict[str, float]:
        """What each of them counts or models."""
        return {
            on(name, label): value
            for label, target in self._targets.items()
            for name, value in target.counted(graph).items()
            if name != FILE
        }

    def foretold(self, graph: "Graph", needs: Collection[str]) -> dict[str, Foretold]:
        """What each of them foretells."""
        return {
            on(name, label): found
            for label, target in self._targets.items()
            for name, found in target.foretold(graph, _plain(needs, label)).items()
        }


def make_all(names: Sequence[str]) -> Target:
    """The targets that a study names, as one; ConfigError where two could not be told apart."""
    if len(names) == 1:
        return make(names[0])
    return Several({label: make(name) for label, name in _labelled(names).items()})


def metrics_of(names: Sequence[str]) -> tuple[str, ...]:
    """What targets of these names give together, without making them."""
    if len(names) == 1:
        return kind_of(names[0])[0].metrics
    return _named({label: kind_of(name)[0].metrics for label, name in _labelled(names).items()})


def label_of(name: str) -> str:
    """What the metrics of a target are called by: "npu:chip" of "npu:chips/chip.yaml"."""
    kind, argument = kind_of(name)
    return kind.name if argument is None else f"{kind.name}:{Path(argument).stem}"


def _labelled(names: Sequence[str]) -> dict[str, str]:
    """The targets' names by their labels."""
    found: dict[str, str] = {}
    for name in names:
        label = label_of(name)
        if label in found:
            raise ConfigError(
                f"targets '{found[label]}' and '{name}' are both called '{label}', so their "
                "metrics could not be told apart; leave one out, or rename its file"
            )
        found[label] = name
    return found


def _named(metrics: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The metrics of each target by its label, as the study names them."""
    of_each = (on(name, label) for label, names in metrics.items() for name in names)
    return (FILE, *(name for name in of_each if not name.startswith(f"{FILE}{ON}")))


def _plain(needs: Collection[str], label: str) -> frozenset[str]:
    """Those of the metrics that are one target's, as it calls them."""
    end = f"{ON}{label}"
    return frozenset(name.removesuffix(end) for name in needs if name.endswith(end))
