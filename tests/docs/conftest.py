"""The project's papers as text, their blocks, and a way to run them."""

import dataclasses
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAPERS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
BLOCK = re.compile(
    r"(?P<note><!-- not run: [^\n]+ -->\n)?(<!-- from (?P<source>[^\n]+) -->\n)?"
    r"^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.M | re.S,
)


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block; `runs` is False where a comment before it says why it is not run.

    `source` is the file that it quotes, where a comment before it names one.
    """

    language: str
    text: str
    runs: bool
    source: str | None = None


@dataclasses.dataclass(frozen=True)
class Paper:
    """One Markdown file."""

    path: Path

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def blocks(self, *languages: str) -> list[Block]:
        found = [
            Block(match["language"], match["text"], match["note"] is None, match["source"])
            for match in BLOCK.finditer(self.text)
        ]
        return [block for block in found if block.language in languages]

    def section(self, heading: str) -> str:
        """The text under a heading line, up to the next heading of any level."""
        _, _, rest = self.text.partition(f"\n{heading}\n")
        assert rest, f"{self.path.name} has no section '{heading}'"
        return re.split(r"^#+ ", rest, maxsplit=1, flags=re.M)[0]


@pytest.fixture(scope="session")
def papers() -> dict[str, Paper]:
    """Every Markdown file of the project's papers, by its path from the root."""
    names = [*PAPERS, *(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("docs/**/*.md")))]
    return {name: Paper(ROOT / name) for name in names}


@pytest.fixture
def run_block(tmp_path: Path) -> Callable[[Block], str]:
    """Runs a block where the last one ran, as a newcomer would; gives what it printed."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")

    def run(block: Block) -> str:
        commands = {
            "sh": ["bash", "-euo", "pipefail", "-c", block.text],
            "python": [sys.executable, "-W", "error", "-c", block.text],
        }
        done = subprocess.run(
            commands[block.language],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture
def script(monkeypatch, request):
    """For test_results_NAME.py: the script that writes the section, docs/results_NAME.py."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module(request.path.stem.removeprefix("test_"))


@pytest.fixture
def result(script):
    """The section's committed result."""
    return json.loads(script.SECTION.result.read_text(encoding="utf-8"))
