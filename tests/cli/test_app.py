"""The commands as they are called: what they print where, and their exit codes."""

import csv
import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import bitwright
from bitwright.cli.app import run
from bitwright.records import Genome
from bitwright.study.folder import Folder
from bitwright.study.session import view
from bitwright.study.store import Store

pytestmark = pytest.mark.usefixtures("one_thread")

ENTRY = {
    *("accuracy", "test_accuracy", "latency_ms", "packed_bytes", "file_bytes", "macs", "bitops"),
    *("peak_activation_bytes", "metrics", "reward", "trial", "genome", "policy", "model", "curve"),
}
TOP = {
    "study",
    "state",
    "stopped_by",
    "trials",
    "at_work",
    "taken_over",
    "best",
    "final",
    "baseline",
    "finalists",
    "teacher",
    "supernet",
    "pareto",
}

MODEL = {
    *("model", "target", "metrics", "latency_spread_ms", "context", "data", "tested", "policy"),
}

Call = Callable[..., tuple[str, str]]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Runs a command line in an empty folder; returns stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def run_it(*arguments: str, code: int = 0) -> tuple[str, str]:
        capsys.readouterr()
        found = run(list(arguments))
        shown = capsys.readouterr()
        assert found == code, shown.err
        return shown.out, shown.err

    return run_it


@pytest.fixture
def write(settings: Any) -> Callable[..., None]:
    """Writes study.yaml."""

    def to_file(**changes: Any) -> None:
        Path("study.yaml").write_text(yaml.safe_dump(settings(**changes)), encoding="utf-8")

    return to_file


def is_entry(entry: Any) -> bool:
    return set(entry) == ENTRY


def test_search_json_prints_one_object_and_nothing_else(call: Call, write: Any) -> None:
    write(baseline=True)
    out, err = call("search", "study.yaml", "--json")
    assert out.count("\n") == 1
    assert err == ""
    found = json.loads(out)
    assert set(found) == TOP
    assert found["study"] == "study"
    assert (found["state"], found["stopped_by"]) == ("finished", "iterations")
    assert found["trials"] == {"complete": 4, "infeasible": 0, "failed": 0}
    for name in ("best", "final", "baseline"):
        assert is_entry(found[name])
    assert found["pareto"] and all(map(is_entry, found["pareto"]))

    final, baseline = found["final"], found["baseline"]
    assert final["model"] == "model.onnx" and baseline["model"] == "baseline.onnx"
    for entry in (final, baseline):
        missing = {name for name, value in entry.items() if value is None}
        assert missing == ({"reward", "trial"} if entry is baseline else set())
    for entry in (found["best"], *found["pareto"]):
        assert entry["test_accuracy"] is None, "the test set is touched once, at the end"
        assert Path("runs/study", entry["model"]).exists()
    assert final["genome"]["picks"] == found["best"]["genome"]["picks"]
    assert set(final["policy"]) >= {"stem/0.weight", "stem/0.activation", "head.weight"}

    for study in ("study.yaml", "runs/study", "runs/study/"):
        assert json.loads(call("show", study, "--json")[0]) == found


def test_a_search_with_finalists_says_which_it_trains_and_lists_them(
    call: Call, write: Any
) -> None:
    write(finalists=2, quantization={"weights": ["lsq:2", "lsq:8"], "activations": ["lsq:8"]})
    out, err = call("search", "study.yaml")
    told = [line for line in err.splitlines() if line.startswith("training to the end trial ")]
    assert [line.rpartition(", ")[2] for line in told] == ["1 of 2", "2 of 2"]
    assert "Trained to the end" in out and "bold: handed over" in out
    found = json.loads(call("show", "study.yaml", "--json")[0])
    assert len(found["finalists"]) == 2 and all(map(is_entry, found["finalists"]))
    assert found["final"]["trial"] == found["finalists"][0]["trial"]
    assert all(Path("runs/study", entry["model"]).exists() for entry in found["finalists"])


def test_show_json_of_an_interrupted_study(program: Any, call: Call) -> None:
    file = program.study(search__iterations=500)
    running = program.start("search", file)
    running.wait_for("trial 3: ")
    assert running.stop(signal.SIGINT).code == 3
    found = json.loads(call("show", file, "--json")[0])
    assert set(found) == TOP
    assert (found["state"], found["stopped_by"]) == ("interrupted", "user")
    assert found["trials"]["complete"] >= 4
    assert is_entry(found["best"])
    assert found["final"] is found["baseline"] is None
    assert call("report", file)[0].strip() == "runs/study/report.html"
    assert Path("runs/study/report.html").stat().st_size > 100_000


def test_show_json_of_a_study_without_trials(call: Call) -> None:
    folder = Folder(Path("runs/empty"))
    folder.make()
    Store.open(folder.url(None), "empty").close()
    found = json.loads(call("show", "runs/empty", "--json")[0])
    assert found == {
        "study": "empty",
        "state": "interrupted",
        "stopped_by": None,
        "trials": {"complete": 0, "infeasible": 0, "failed": 0},
        "at_work": [],
        "taken_over": [],
        "best": None,
        "final": None,
        "baseline": None,
        "finalists": [],
        "teacher": None,
        "supernet": None,
        "pareto": [],
    }
    assert "empty" in call("show", "runs/empty")[0]


def test_show_of_a_study_in_which_nothing_worked(call: Call, write: Any) -> None:
    write(limits={"packed_bytes": 1.0})
    _, err = call("search", "study.yaml", "--quiet", code=2)
    assert err.startswith("bitwright: none of 4 candidates is complete")
    found = json.loads(call("show", "study.yaml", "--json")[0])
    assert found["trials"] == {"complete": 0, "infeasible": 4, "failed": 0}
    assert found["best"] is None and found["pareto"] == []
    out, _ = call("show", "study.yaml")
    assert "4 infeasible" in out and "is over the limit 1" in out
    call("report", "study.yaml")


def test_search_says_what_it_does_line_by_line_where_there_is_no_terminal(
    call: Call, write: Any
) -> None:
    write(
        baseline=True,
        quantization={"weights": ["lsq:2", "lsq:8"], "activations": ["lsq:8"]},
        sensitivity={"epochs": 0.5, "images": 50, "tune_steps": 1, "keep": 1},
    )
    out, err = call("search", "study.yaml")
    lines = err.splitlines()
    assert lines[0] == "measuring sensitivity"
    removed = [line for line in lines if line.startswith("removed: ")]
    assert len(removed) == 3 and all("least sensitive stay" in line for line in removed)
    assert re.fullmatch(r"trial 0: complete, reward 0\.\d{4}, best 0\.\d{4}", lines[6])
    assert lines[4:6] == [lines[4], "searching"]
    assert lines[-4] == "the search has ended: iterations"
    assert lines[-3].startswith("training the winner trial ")
    assert lines[-2:] == ["training the baseline", "writing the report"]
    for words in ("8-bit baseline", "Test accuracy", "Packed size", "Latency", "MACs"):
        assert words in out
    for name in ("model.onnx", "report.html", "study.db"):
        assert f"runs/study/{name}" in out
        assert Path("runs/study", name).exists()


def test_quiet_leaves_the_tables_only(call: Call, write: Any) -> None:
    write()
    out, err = call("search", "study.yaml", "--quiet")
    assert err == ""
    assert "study: the iteration limit was reached; 4 trials: 4 complete" in out


def test_out_and_set(call: Call, write: Any) -> None:
    write()
    changes = ["data=digits", "data.holdout=0.2", "search.iterations=1", "space=tiny"]
    changes += ["space.override.stem.width=[8]", "train.images=null", "train.steps=1"]
    arguments = [part for change in changes for part in ("--set", change)]
    call("search", "study.yaml", "--out", "there/it is", "--quiet", *arguments)
    found = yaml.safe_load(view("there/it is").settings)
    assert found["data"] == {
        "name": "digits",
        "holdout": 0.2,
        "augment": {"flip": False, "shift": 0},
    }
    assert found["space"]["template"] == "tiny"
    assert found["space"]["override"] == {"stem": {"width": [8]}}
    assert found["train"]["images"] is None
    assert len(view("there/it is").outcomes) == 2
    assert not Path("runs").exists()


def test_a_study_is_named_by_its_output_folder_too(call: Call, write: Any) -> None:
    write()
    call("search", "study.yaml", "--quiet", "--set", "search.iterations=1", "--out", "here")
    assert view("here").stopped_by == "iterations"
    call("search", "here", "--quiet", "--set", "search.iterations=3")
    assert len(view("here").outcomes) == 6
    assert not Path("runs").exists()
    assert call("space", "here")[0].startswith("here: 1x8x8 images")


def test_show_looks_where_the_study_was_stored(call: Call, write: Any) -> None:
    write()
    storage = f"sqlite:///{Path.cwd()}/elsewhere.db"
    call("search", "study.yaml", "--quiet", "--set", f"storage={storage}")
    assert not Path("runs/study/study.db").exists()
    assert "4 trials: 4 complete" in call("show", "study.yaml")[0]


def test_space_prints_a_tree_with_the_exact_size(call: Call, write: Any) -> None:
    write(quantization={"weights": ["lsq:2", "lsq:8"], "activations": ["lsq:8"]})
    out, _ = call("space", "study.yaml")
    # stem: 2 widths x 2 weights; body: 2 widths, (2 kinds x 2 weights) once or twice; head: 2
    structures = 2 * 2 * (2 + 2**2)
    networks = 2 * 2 * 2 * (4 + 4**2) * 2
    assert f"structures: {structures}\n" in out
    assert f"networks, with every policy: {networks} " in out
    for words in ("stem", "width: 4|8; stride of the first: 2", "depthwise separable", "lsq:2"):
        assert words in out
    small, _ = call("space", "study.yaml", "--set", "quantization.weights=[lsq:8]")
    assert f"networks, with every policy: {structures} " in small


def test_sensitivity_is_cached_with_the_study(call: Call, write: Any) -> None:
    write(
        quantization={"weights": ["lsq:2", "lsq:8"], "activations": ["lsq:8"]},
        sensitivity={"epochs": 0.5, "images": 50, "tune_steps": 1, "keep": 1},
    )
    out, err = call("sensitivity", "study.yaml", "--json")
    assert err == ""
    rows = json.loads(out)["sensitivity"]
    assert {(row["unit"], row["role"]) for row in rows} == {
        (unit, role)
        for unit in ("conv", "depthwise_separable", "classifier")
        for role in ("weight", "activation")
    }
    assert set(rows[0]) == {
        *("unit", "role", "method", "accuracy_drop", "latency_growth", "memory_growth", "loss"),
        *("kept", "reason"),
    }
    out, err = call("sensitivity", "study.yaml")
    assert "measuring" not in err
    assert "Sensitivity of weights: loss in %" in out
    assert "Removed from the space before the search:" in out
    assert json.loads(call("sensitivity", "study.yaml", "--json")[0])["sensitivity"] == rows
    out, err = call("search", "study.yaml", "--json")
    assert "measuring" not in err
    assert json.loads(out)["state"] == "finished"
    assert "Sensitivity of weights" in call("show", "study.yaml")[0]


def test_an_interrupted_sensitivity_says_how_to_go_on(call: Call, write: Any) -> None:
    write(sensitivity={"epochs": 10_000, "images": 50})
    signal.signal(signal.SIGALRM, lambda number, frame: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 1.5)
    _, err = call("sensitivity", "study.yaml", "--set", "search.seed=3", "--out", "a b", code=3)
    assert err.splitlines()[-1] == (
        "Interrupted; nothing recorded is lost. Go on with: "
        "bitwright sensitivity study.yaml --set search.seed=3 --out 'a b'"
    )


def test_show_lists_the_latest_trials(call: Call, write: Any) -> None:
    write(search__iterations=3)
    call("search", "study.yaml", "--quiet")
    out, _ = call("show", "study.yaml", "--last", "2")
    assert re.findall(r"^ (\d) ", out, re.MULTILINE) == ["4", "5"]


def test_show_lists_the_trials_that_a_filter_leaves(call: Call, write: Any) -> None:
    write(search__iterations=3)
    call("search", "study.yaml", "--quiet")
    out, _ = call("show", "study.yaml", "--sort", "macs", "--last", "2", "--state", "complete")
    assert "MACs M" in out and out.splitlines()[-1].startswith("study: 2 of 6 trials")
    assert "Winner" not in out
    found = json.loads(call("show", "study.yaml", "--json", "--sort", "macs")[0])
    macs = [trial["metrics"]["macs"] for trial in found["selected"]]
    assert len(macs) == 6 and macs == sorted(macs)
    text, _ = call("show", "study.yaml", "--csv", "--where", f"macs<={macs[1]}")
    rows = list(csv.DictReader(text.splitlines()))
    assert rows and all(float(row["macs"]) <= macs[1] for row in rows)
    assert rows[0]["stem/width"] in ("4", "8")
    _, err = call("show", "study.yaml", "--csv", "--json", code=2)
    assert "one output cannot be both" in err


def test_a_dry_run_says_what_would_run(call: Call, write: Any) -> None:
    write()
    out, _ = call("search", "study.yaml", "--dry-run")
    for words in ("what would run", "4 candidates", "networks", "MB", "Nothing was written"):
        assert words in out
    out, err = call("search", "study.yaml", "--dry-run", "--json", "--set", "limits.macs=900000")
    assert err == ""
    found = json.loads(out)
    assert [phase["name"] for phase in found["phases"]] == ["sensitivity", "search", "winner"]
    seconds = found["seconds"]
    assert 0 < seconds["low"] <= seconds["likely"] <= seconds["high"]
    assert not Path("runs").exists()


def test_compare_shows_studies_side_by_side_and_writes_a_page(call: Call, write: Any) -> None:
    write()
    call("search", "study.yaml", "--quiet")
    call("search", "study.yaml", "--quiet", "--set", "search.seed=1", "--out", "runs/other")
    out, _ = call("compare", "study.yaml", "runs/other", "--out", "both.html")
    assert "search.seed" in out and out.splitlines()[-1] == "both.html"
    assert Path("both.html").stat().st_size > 100_000
    found = json.loads(call("compare", "runs/study", "runs/other", "--json")[0])
    assert found["settings"] == {"search.seed": ["0", "1"]}
    assert "two studies or more" in call("compare", "study.yaml", code=2)[1]


def test_models_are_measured_and_compared_on_one_target(call: Call, write: Any) -> None:
    write()
    call("search", "study.yaml", "--quiet")
    out, _ = call("measure", "runs/study/model.onnx", "--data", "digits")
    assert "Test accuracy" in out and "images tested now" in out
    told = json.loads(call("measure", "runs/study/model.onnx", "--json")[0])
    assert set(told) == MODEL
    assert told["metrics"]["file_bytes"] == Path("runs/study/model.onnx").stat().st_size
    Path("copy.onnx").write_bytes(Path("runs/study/model.onnx").read_bytes())
    both = ("runs/study", "copy.onnx")
    out, _ = call("compare", *both, "--data", "digits", "--out", "models.html")
    assert "Measured on onnxruntime-cpu" in out and out.splitlines()[-1] == "models.html"
    assert Path("models.html").stat().st_size > 100_000
    found = json.loads(call("compare", *both, "--json")[0])
    assert [set(model) for model in found["models"]] == [MODEL, MODEL] and found["notes"] == []
    Path("runs/study/model.onnx").unlink()
    assert "has handed over no network yet" in call("compare", *both, code=2)[1]
    assert (
        "--mean and --deviation go together" in call("measure", both[1], "--mean", "0", code=2)[1]
    )
    for option, value in (("--mean", "a"), ("--deviation", "0")):
        words = {"--mean": "0", "--deviation": "1", option: value}
        asked = [part for pair in words.items() for part in pair]
        said = call("measure", both[1], "--data", "digits", *asked, code=2)[1]
        assert f"{option} '{value}': give numbers" in said


def test_the_program_says_what_it_is(call: Call) -> None:
    assert call("--version")[0] == f"bitwright {bitwright.__version__}\n"
    for arguments in ((), ("--help",)):
        out, _ = call(*arguments)
        for command in ("search", "show", "compare", "report", "space", "sensitivity", "data"):
            assert f" {command} " in out


def test_the_shipped_file_predicts_what_was_recorded(call: Call, write: Any) -> None:
    from bitwright.tasks.data.load import load

    write(final__epochs=20)
    found = json.loads(call("search", "study.yaml", "--json")[0])
    digits = load("digits")
    predicted = bitwright.load("runs/study/model.onnx").predict(digits.test.images)
    assert np.mean(predicted == digits.test.labels) == found["final"]["test_accuracy"]
    assert found["final"]["test_accuracy"] > 0.3
    assert Genome(**found["final"]["genome"]).space_id


def test_the_package_is_the_program(program: Any) -> None:
    ended = program.run(
        "--version", python="import runpy; runpy.run_module('bitwright', run_name='__main__')"
    )
    assert (ended.code, ended.out) == (0, f"bitwright {bitwright.__version__}\n")


LAZY = """
import sys
{code}
heavy = [name for name in ("torch", "optuna", "onnxruntime", "onnx") if name in sys.modules]
assert not heavy, heavy
"""


@pytest.mark.parametrize(
    "code",
    [
        "import bitwright as bw; bw.__version__",
        "import bitwright as bw; bw.StudyConfig.from_mapping({'data': 'digits', 'space': 'tiny'})",
        "import bitwright as bw; bw.Watcher; bw.Entry; bw.StudyView; bw.BitwrightError",
        "from bitwright.cli.app import run; assert run(['--help']) == 0",
        "from bitwright.cli.app import run; assert run(['search', '--help']) == 0",
        "from bitwright.cli.app import run; assert run(['search', 'none.yaml']) == 2",
        "from bitwright.cli.app import run; assert run(['space', 'study.yaml']) == 0",
    ],
)
def test_light_things_import_nothing_heavy(code: str, program: Any) -> None:
    program.study()
    ended = program.run(python=LAZY.format(code=code))
    assert ended.code == 0, ended.err


TEN_LINES = """
import bitwright as bw
import numpy as np
view = bw.search({
    "data": "digits", "space": "tiny",
    "sensitivity": {"enabled": False},
    "search": {"iterations": 1, "options": {"batch": 2}},
    "train": {"epochs": 0.5, "images": 256}, "final": {"epochs": 1},
}, out="mine")
print(view.final.test_accuracy, len(view.outcomes))
model = bw.load("mine/model.onnx")
print(model.predict(np.zeros((3, 8, 8), np.uint8)).shape)
"""


def test_a_search_in_ten_lines_of_python(program: Any) -> None:
    ended = program.run(python=TEN_LINES)
    assert ended.code == 0, ended.err
    first, second = ended.out.splitlines()
    assert re.fullmatch(r"0\.\d+ 2", first)
    assert second == "(3,)"
