"""`bitwright init`: what it asks, what it refuses, and that its file runs."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import yaml

from bitwright.cli.app import run
from bitwright.config import StudyConfig

pytestmark = pytest.mark.usefixtures("one_thread")
Init = Callable[..., str]


@pytest.fixture
def init(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Init:
    """Runs `bitwright init` in an empty folder with these lines typed; returns all it printed."""
    monkeypatch.chdir(tmp_path)

    def run_it(*arguments: str, typed: str = "", code: int = 0) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        capsys.readouterr()
        assert run(["init", *arguments]) == code
        shown = capsys.readouterr()
        return shown.err + shown.out

    return run_it


def test_enter_takes_what_is_offered(init: Init) -> None:
    said = init(typed="\n" * 5)
    for word in ("fashion-mnist", "onnxruntime-cpu", "kB", "latency", "Minutes", "8x8 grey"):
        assert word in said
    by_default = Path("study.yaml").read_text()
    assert init("other.yaml", "--yes").count("[") == 0
    assert Path("other.yaml").read_text() == by_default.replace("study.yaml", "other.yaml")
    assert StudyConfig.read("study.yaml").data.name == "digits"


def test_the_schema_beside_it_is_the_one_that_its_first_line_names(init: Init) -> None:
    init("--yes")
    text = Path("study.yaml").read_text()
    name = text.splitlines()[0].partition("$schema=")[2]
    jsonschema.validate(yaml.safe_load(text), json.loads(Path(name).read_text()))


def test_a_bad_answer_is_asked_again_with_the_reason(init: Init) -> None:
    said = init(typed="digitz\ndigits\nonnx\nonnxruntime-cpu\n0.1\n-3\n6\n\nsoon\n0\n2\n")
    for reason in (
        "did you mean 'digits'?",
        "unknown target 'onnx'",
        "packs into 0.1 kB",
        "limit '-3': give a number above 0",
        "minutes 'soon': give a number above 0",
        "minutes '0': give a number above 0",
    ):
        assert reason in said
    config = StudyConfig.read("study.yaml")
    assert config.limits == {"packed_bytes": 6000}
    assert config.search.minutes is not None and config.search.minutes < 2


def test_options_answer_for_scripts(init: Init) -> None:
    said = init(
        *("mine.yaml", "--data", "cifar10", "--target", "onnxruntime-cpu", "--packed-kb", "20"),
        *("--latency-ms", "1.5", "--minutes", "30"),
    )
    assert "[" not in said, "nothing was asked"
    config = StudyConfig.read("mine.yaml")
    assert (config.data.name, config.space.template) == ("cifar10", "compact")
    assert config.limits == {"packed_bytes": 20_000, "latency_ms": 1.5}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--yes", "--data", "digitz"), "did you mean 'digits'?"),
        (("--yes", "--minutes", "x"), "minutes 'x': give a number above 0"),
        (("--yes", "--minutes", "1e9"), "minutes '1e9': give at most 100,000"),
        (("--yes", "--packed-kb", "nan"), "limit 'nan': give a number above 0"),
        (("--yes", "study.txt"), "the name must end in .yaml"),
        (("--yes", "no/study.yaml"), "there is no folder 'no'; create it"),
        ((), "no answer was given for --data; name it, or take the defaults with --yes"),
    ],
)
def test_what_a_script_answers_wrongly_ends_it(
    init: Init, arguments: tuple[str, ...], said: str
) -> None:
    assert said in init(*arguments, code=2)
    assert list(Path().iterdir()) == []


def test_a_file_that_is_there_is_overwritten_only_by_force(init: Init) -> None:
    Path("study.yaml").write_text("mine")
    assert "'study.yaml' is there already" in init("--yes", code=2)
    assert Path("study.yaml").read_text() == "mine"
    init("--yes", "--force")
    assert StudyConfig.read("study.yaml").data.name == "digits"


def test_a_search_with_the_file_runs(init: Init, capsys: pytest.CaptureFixture[str]) -> None:
    """Of digits, and of a handful of one's own images."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (30, 20, 24), dtype=np.uint8)
    np.savez("own.npz", images=images, labels=np.arange(30) % 3)
    for data in ("digits", "own.npz"):
        init("--force", "--yes", "--data", data, "--minutes", "0.02")
        code = run(["search", "study.yaml", "--quiet", "--out", f"runs/{data}", "--json"])
        found = json.loads(capsys.readouterr().out)
        assert code == 0
        assert found["trials"]["complete"] >= 4
        assert found["final"]["test_accuracy"] is not None
