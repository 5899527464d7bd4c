"""examples/plugin: installed, searched with and tested, as docs/extending.md tells."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from bitwright.study.store import Store
from bitwright.targets.base import TARGETS

ROOT = Path(__file__).parents[1]
PLUGIN = ROOT / "examples/plugin"
BY_PATH = {
    "task": "bitwright_example.tasks:BalancedImages",
    "target": "bitwright_example.targets:FourAndEight",
    "space.stages.1.kinds": "[bitwright_example.units:SQUEEZED]",
    "quantization.weights": "[bitwright_example.transforms:Quantile:4]",
    "search.controller": "bitwright_example.controllers:HillClimber",
    "search.evaluator": "bitwright_example.evaluators:EarlyLook",
    "search.screen": "bitwright_example.screens:Neighbours",
    "reward.transform": "bitwright_example.rewards:harmonic",
}

BRIEF = ("workers=2", "search.iterations=1", "final.epochs=1", "train.fused=off", "final.fused=off")


def run(command: list[str], folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs it in the folder."""
    return subprocess.run(
        command,
        cwd=folder,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def in_front(*folders: Path) -> str:
    """A PYTHONPATH with these folders first."""
    return os.pathsep.join([*map(str, folders), os.environ.get("PYTHONPATH", "")])


@pytest.mark.slow
def test_the_example_is_installed_searched_with_and_tested(tmp_path: Path) -> None:
    """The page's own commands; pip installs aside, without an index."""
    shutil.copytree(PLUGIN, tmp_path / "examples/plugin")  # a build writes beside the sources
    aside = tmp_path / "site"
    page = (ROOT / "docs/extending.md").read_text()
    (block,) = re.findall(r"^```sh\n(.*?)^```$", page, re.M | re.S)
    done = run(
        ["bash", "-euo", "pipefail", "-c", block],
        tmp_path,
        PIP_TARGET=str(aside),
        PIP_NO_DEPS="1",
        PIP_NO_INDEX="1",
        PIP_NO_BUILD_ISOLATION="0",  # pip's word for yes
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        PYTHONPATH=in_front(aside),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ passed", done.stdout) and "failed" not in done.stdout
    check_study(tmp_path / "runs/study", "squeezed", "quantile")


@pytest.mark.slow
def test_the_same_by_import_paths_in_workers_without_installing(tmp_path: Path) -> None:
    shutil.copy(PLUGIN / "study.yaml", tmp_path)
    changes = [f"{key}={path}" for key, path in BY_PATH.items()]
    command = ["bitwright", "search", "study.yaml", "--json"]
    for change in (*BRIEF, *changes):
        command += ["--set", change]
    done = run(command, tmp_path, PYTHONPATH=in_front(PLUGIN / "src"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "finished"
    unit, transform = BY_PATH["space.stages.1.kinds"], BY_PATH["quantization.weights"]
    check_study(tmp_path / "runs/study", unit.strip("[]"), transform.strip("[]").rpartition(":")[0])
    assert "SQUEEZED" in (tmp_path / "runs/study/report.html").read_text()


def check_study(folder: Path, unit: str, transform: str) -> None:
    """Every one of the eight has left its mark."""
    store = Store.open_existing(f"sqlite:///{folder}/study.db")
    assert store.get("state")["state"] == "finished"
    outcomes = [outcome for outcome in store.outcomes() if outcome.state == "complete"]
    settings = yaml.safe_load(store.get("settings"))
    store.close()
    assert settings["task"].endswith(("balanced_images", ":BalancedImages"))
    assert (folder / "model.onnx").is_file()
    assert any(spec.kind == unit for outcome in outcomes for spec in outcome.units)
    methods = {method for outcome in outcomes for _, method in outcome.policy}
    assert any(method.transform == transform for method in methods)
    assert {method.bits for method in methods} <= {4, 8}, "the target runs no others"
    assert [o.iteration for o in outcomes if o.number < 2] == [0, 0], "the climber's batch is 2"
    assert all("look" in dict(outcome.seconds) for outcome in outcomes)
    assert settings["search"]["screen"]["by"].endswith(("neighbours", ":Neighbours"))
    assert all(outcome.estimate for outcome in outcomes if outcome.iteration), (
        "it knows two by then"
    )
    assert any("train" in dict(outcome.seconds) for outcome in outcomes), "all were dropped"
    for outcome in outcomes:
        accuracy, size = outcome.metric("accuracy"), outcome.metric("packed_bytes")
        assert accuracy is not None and size is not None
        harmonic = 1.1 / (1 / accuracy + 0.1 * size / 2000) if accuracy else 0.0
        assert outcome.reward == pytest.approx(harmonic)


def test_a_broken_distribution_is_named_in_one_line(tmp_path: Path) -> None:
    about = tmp_path / "site/broken_parts-2.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-parts\nVersion: 2.0\n")
    (about / "entry_points.txt").write_text("[bitwright.targets]\nbroken = broken_parts:Target\n")
    (tmp_path / "site/broken_parts.py").write_text("import a_library_that_nobody_has\n")
    shutil.copy(ROOT / "examples/digits.yaml", tmp_path / "study.yaml")
    for target, said in {
        "broken": "target 'broken' of broken-parts 2.0 cannot be loaded: ModuleNotFoundError: "
        "No module named 'a_library_that_nobody_has'; update or uninstall that distribution",
        "brokn": "unknown target 'brokn'; did you mean 'broken'? known: "
        f"{', '.join((*TARGETS, 'broken'))}",
    }.items():
        command = ["bitwright", "search", "study.yaml", "--set", f"target={target}"]
        done = run(command, tmp_path, PYTHONPATH=in_front(tmp_path / "site"))
        assert (done.returncode, done.stderr) == (2, f"bitwright: {said}\n")
