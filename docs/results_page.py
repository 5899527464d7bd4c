"""Puts what a benchmark found into its place on a page."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "results.md"


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of a page, between two marks, that follows from `benchmarks/results/NAME.json`."""

    name: str
    page: Path = PAGE

    @property
    def result(self) -> Path:
        """The committed result."""
        return ROOT / "benchmarks" / "results" / f"{self.name}.json"

    @property
    def begin(self) -> str:
        """The mark before it."""
        return f"<!-- {self.name}:begin -->"

    @property
    def end(self) -> str:
        """The mark behind it."""
        return f"<!-- {self.name}:end -->"

    def of(self, parts: Iterable[str]) -> str:
        """Its parts, between the marks."""
        return "\n\n".join([self.begin, *parts, self.end])

    def within(self, page: str, block: str) -> str:
        """The page with `block` in its place."""
        return replaced(page, block, begin=self.begin, end=self.end)

    def read(self) -> dict[str, Any]:
        """The committed result's content."""
        found: dict[str, Any] = json.loads(self.result.read_text(encoding="utf-8"))
        return found

    def write(self, block: str) -> None:
        """Rewrites the page with `block` in its place."""
        page = self.page.read_text(encoding="utf-8")
        self.page.write_text(self.within(page, block), encoding="utf-8")

    def rewrite(self, block: Callable[[Mapping[str, Any]], str]) -> None:
        """Rewrites the page by what `block` makes of the result."""
        self.write(block(self.read()))


def replaced(page: str, text: str, *, begin: str, end: str) -> str:
    """The page with `text` in the place of all from the mark `begin` to the mark `end`."""
    before, _, rest = page.partition(begin)
    return before + text + rest.partition(end)[2]
