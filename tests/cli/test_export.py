"""`bitwright export`: a folder of C that builds, tests itself and tells what it costs."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bitwright.cli.app import run
from bitwright.export import reference
from bitwright.export.float_layers import FLOAT_LAYERS, candidates
from bitwright.export.runtime import load
from bitwright.measure import float_layers
from bitwright.measure.qemu import emulator
from bitwright.space.joint import expand
from bitwright.targets.base import make
from bitwright.testing.c_networks import every_layer
from bitwright.testing.integer_models import random_images, random_model
from bitwright.testing.networks import blueprint_of


@pytest.fixture
def model(tmp_path: Path) -> Path:
    network = random_model(every_layer("lsq:4", "lsq:4:tensor"), np.random.default_rng(0))
    make("cortex-m4").export(network, tmp_path / "model.onnx", {"study": "pets"})
    return tmp_path / "model.onnx"


def test_the_folder_tests_itself_and_tells_its_costs(model, capsys, tmp_path) -> None:
    folder = tmp_path / "firmware"
    assert run(["export", str(model), "--target", "cortex-m4", "--out", str(folder)]) == 0
    said = capsys.readouterr().out
    tested = subprocess.run(["make", "test"], cwd=folder, capture_output=True, check=True)
    assert b"OK: all logits agree" in tested.stdout
    text = (folder / "README.md").read_text()
    assert "in C for cortex-m4" in text and "- study: `pets`" in text
    if emulator.missing():
        assert emulator.missing() in said and "Instructions" not in text
        pytest.skip(f"costs are not measured: {emulator.missing()}")
    assert "Instructions: " in said and "Flash: " in said and "RAM: " in said
    run(["export", str(model), "--target", "cortex-m4", "--out", str(folder), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["folder"] == str(folder) and told["target"] == "cortex-m4"
    measured = make("cortex-m4").measure(model)
    assert told["costs"] == {name: measured[name].value for name in told["costs"]}
    assert f"Instructions: {told['costs']['instructions']:,.0f} for an image" in text
    assert f"Flash: {told['costs']['flash_bytes']:,.0f} bytes" in text
    subprocess.run(["make", "cortex"], cwd=folder, capture_output=True, check=True)


def test_a_study_folder_names_its_model(model, capsys, tmp_path) -> None:
    folder = tmp_path / "firmware"
    assert run(["export", str(tmp_path), "--target", "cortex-m7", "--out", str(folder)]) == 0
    assert "cortex_m.ld" in {path.name for path in folder.iterdir()}
    assert run(["export", str(tmp_path / "no"), "--target", "cortex-m4", "--out", str(folder)]) == 2
    assert "there is no model file" in capsys.readouterr().err


def test_other_targets_have_nothing_to_export(model, capsys, tmp_path) -> None:
    asked = ["export", str(model), "--target", "npu:int8", "--out", str(tmp_path / "x")]
    assert run(asked) == 2
    assert "runs a study's model.onnx as it is" in capsys.readouterr().err


def test_answers_are_those_of_the_reference(model) -> None:
    network = random_model(every_layer("lsq:4", "lsq:4:tensor"), np.random.default_rng(0))
    images = random_images(network.graph, 20, np.random.default_rng(1))
    loaded = make("cortex-m4").load(model)
    assert np.array_equal(loaded.logits(images), reference.run(network, images))
    with pytest.raises(Exception, match="the C takes uint8"):
        loaded.logits(images[:, :1])


@pytest.mark.slow
def test_a_study_searches_for_instructions_and_its_winner_is_exported(program) -> None:
    if emulator.missing():
        pytest.skip(f"no study runs for a microcontroller: {emulator.missing()}")
    metrics = {"accuracy": {"weight": 1}, "instructions": {"weight": 0.1, "reference": 500_000}}
    name = program.study(
        target="cortex-m4",
        reward={"metrics": metrics},
        limits={"flash_bytes": 60_000, "ram_bytes": 16_000},
        search__iterations=1,
    )
    assert program.run("search", name, "--quiet").code == 0
    told = program.run("show", name, "--json").json
    assert told["trials"]["complete"] >= 1
    winner = told["final"]["metrics"]
    assert winner["instructions"] > winner["macs"] / 2 and winner["ram_bytes"] < 16_000
    asked = ("export", name, "--target", "cortex-m4", "--out", "firmware", "--json")
    costs = program.run(*asked).json["costs"]
    assert costs["instructions"] == winner["instructions"]
    tested = subprocess.run(["make", "test"], cwd=program.folder / "firmware", capture_output=True)
    assert b"OK: all logits agree" in tested.stdout


def test_without_the_tools_no_study_begins_to_train(program, monkeypatch) -> None:
    monkeypatch.setattr(emulator, "COMPILER", "no-such-compiler")
    reason = make("cortex-m4").missing()
    assert reason is not None and "no-such-compiler" in reason and "gcc-arm-none-eabi" in reason
    study = program.folder / program.study(target="cortex-m4")
    assert run(["search", str(study), "--out", str(program.folder / "out")]) == 2
    assert not (program.folder / "out").exists()


def test_onnxruntime_gets_the_form_that_is_fastest_here(capsys, tmp_path, monkeypatch) -> None:
    network = random_model(
        expand(blueprint_of({"name": "stem", "width": 8})), np.random.default_rng(0)
    )
    make("onnxruntime-cpu").export(network, tmp_path / "model.onnx", {"study": "pets"})
    asked = ["export", str(tmp_path), "--target", "onnxruntime-cpu", "--out", str(tmp_path / "x")]
    for chosen in (candidates, lambda model: frozenset()):
        monkeypatch.setattr(float_layers, "faster_in_float", chosen)
        assert run([*asked, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        shipped = tmp_path / "x" / "model.onnx"
        assert told["costs"]["file_bytes"] == shipped.stat().st_size
        assert told["costs"]["latency_ms"] > 0
        about = load(shipped).metadata
        assert about["study"] == "pets"
        found = frozenset(json.loads(about.get(FLOAT_LAYERS, "[]")))
        assert found == chosen(network)
        asked[1] = str(shipped)  # a file that has a form is given another
