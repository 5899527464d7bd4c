"""Puts what a benchmark found into its place on the page of results."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "results.md"


def replaced(page: str, text: str, *, begin: str, end: str) -> str:
    """The page with `text` in the place of all from the mark `begin` to the mark `end`."""
    before, _, rest = page.partition(begin)
    return before + text + rest.partition(end)[2]
