"""What the shell offers after TAB."""

import os
import subprocess
from pathlib import Path

import pytest

from bitwright.cli import completion


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with studies, data and what is neither."""
    monkeypatch.chdir(tmp_path)
    for name in ("runs/one", "photos", ".hidden"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("study.yaml", "second.yml", "notes.txt", "faces.npz", "runs/one/study.yaml"):
        (tmp_path / name).touch()


def test_study_files_and_folders_on_the_way_to_them() -> None:
    found = completion.study_files("")
    assert found == ["photos/", "runs/", "second.yml", "study.yaml"]
    assert completion.study_files("runs/") == ["runs/one/"]
    assert completion.study_files("runs/one/st") == ["runs/one/study.yaml"]
    assert completion.study_files(f"{Path.cwd()}/stu") == [f"{Path.cwd()}/study.yaml"]
    assert completion.study_files(".h") == [".hidden/"]
    assert completion.study_files("nowhere/x") == []


def test_model_files_and_what_can_be_compared() -> None:
    Path("runs/one/model.onnx").touch()
    assert completion.model_files("runs/one/") == ["runs/one/model.onnx"]
    assert completion.comparable_files("runs/one/") == [
        "runs/one/model.onnx",
        "runs/one/study.yaml",
    ]


def test_known_names_and_for_data_what_lies_there() -> None:
    assert completion.data_sets("fash") == ["fashion-mnist"]
    assert completion.data_sets("fac") == ["faces.npz"]
    assert completion.METRICS("packed") == ["packed_bytes"]
    assert "complete" in completion.STATES("")
    assert "onnxruntime-cpu" in completion.TARGET_NAMES("onnx")
    assert completion.KNOWN_DATA("cif") == ["cifar10"]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("bitwright sh", ["show"]),
        ("bitwright show stu", ["study.yaml"]),
        ("bitwright show --sort packed_b", ["packed_bytes"]),
        ("bitwright search --dry", ["--dry-run"]),
        ("bitwright data fetch fashion", ["fashion-mnist"]),
    ],
)
def test_bash_asks_the_program(typed: str, offered: list[str]) -> None:
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    environment = {**os.environ, **words, "_BITWRIGHT_COMPLETE": "complete_bash"}
    done = subprocess.run(
        ["bitwright"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == offered
