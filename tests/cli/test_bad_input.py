"""Whatever is wrong with the input: one line with place, value and remedy, exit code 2."""

import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from bitwright.cli.app import run
from bitwright.records import SCHEMA_VERSION
from bitwright.study.session import view


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BITWRIGHT_DATA", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command line that must be refused; returns the one line that says why."""

    def check(*arguments: str) -> str:
        capsys.readouterr()
        code = run(list(arguments))
        shown = capsys.readouterr()
        assert code == 2, shown.err
        assert shown.out == ""
        assert shown.err.endswith("\n")
        [line] = shown.err.splitlines()
        assert line.startswith("bitwright: ")
        assert "Traceback" not in line
        return line.removeprefix("bitwright: ")

    return check


def write(settings: Any, name: str = "study.yaml") -> None:
    Path(name).write_text(yaml.safe_dump(settings), encoding="utf-8")


WRONG_SETTINGS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "unknown key": (
        {"quantization": {"weihgts": ["lsq:4"]}},
        ("study.yaml", "unknown key 'weihgts' in [quantization]", "did you mean 'weights'?"),
    ),
    "one target and several": (
        {"target": "litert", "targets": ["litert", "openvino"]},
        ("study file 'study.yaml': 'target' and 'targets' both say what to search for",),
    ),
    "unknown key at the top": (
        {"serach": {}},
        ("unknown key 'serach' in [study]", "did you mean 'search'?"),
    ),
    "wrong type": ({"search__iterations": "many"}, ("'search.iterations'", "'many'")),
    "out of range": ({"data": {"name": "digits", "holdout": 1.5}}, ("data.holdout", "1.5")),
    "impossible space": (
        {"space": {"stages": [{"name": "a", "kinds": ["max_pool"], "stride": [4], "depth": [3]}]}},
        ("the space holds no network", "a/1", "max_pool", "stride of 2 or more"),
    ),
    "map shrunk to nothing": (
        {
            "space": {
                "stages": [
                    {"name": n, "kinds": ["max_pool"], "stride": [4]} for n in ("a", "b", "c")
                ]
            }
        },
        ("the space holds no network", "2x2", "4x4"),
    ),
    "activations per channel": (
        {"quantization": {"activations": ["lsq:8:channel"]}},
        ("[quantization]", "activation", "lsq:8:channel", "onnxruntime-cpu", "one scale"),
    ),
    "slow weights": (
        {"quantization": {"weights": ["affine:8:channel"]}},
        ("[quantization]", "weight", "affine:8:channel", "affine:8:tensor"),
    ),
    "full precision": (
        {"quantization": {"weights": ["none:32"]}},
        ("[quantization]", "none:32", "integers of at most 8 bits"),
    ),
    "too many bits": ({"quantization": {"weights": ["lsq:9"]}}, ("lsq:9", "quantization.weights")),
    "pinned method that the target lacks": (
        {"quantization": {"first_last": {"weights": "none:32", "activations": "lsq:8"}}},
        ("[quantization]", "none:32"),
    ),
    "unknown transform": (
        {"quantization": {"weights": ["lqs:4"]}},
        ("quantization.weights", "lqs", "lsq"),
    ),
    "unknown data set": ({"data": "fashion-mnits"}, ("fashion-mnits", "'fashion-mnist'?")),
    "unknown controller": (
        {"search__controller": "evolutoin"},
        ("controller 'evolutoin'", "did you mean 'evolution'?"),
    ),
    "controller that cannot be imported": (
        {"search__controller": "nowhere:Controller"},
        ("nowhere:Controller", "package.module:attribute"),
    ),
    "unknown controller option": (
        {"search__options": {"bathc": 2}},
        ("'bathc' in [search.options]", "did you mean 'batch'?"),
    ),
    "impossible controller option": (
        {"search__options": {"batch": 0}},
        ("[search.options]", "batch = 0"),
    ),
    "unknown template": ({"space": "tny"}, ("template 'tny'", "did you mean 'tiny'?")),
    "unknown stage of a template": (
        {"space": {"template": "tiny", "override": {"bdy1": {}}}},
        ("space.override", "bdy1", "body1"),
    ),
    "unknown task": (
        {"task": "image_clasification"},
        ("task 'image_clasification'", "did you mean 'image_classification'?"),
    ),
    "unknown evaluator": (
        {"search__evaluator": "scrach"},
        ("evaluator 'scrach'", "did you mean 'scratch'?"),
    ),
    "something else than an evaluator": (
        {"search__evaluator": "builtins:int"},
        ("evaluator 'builtins:int'", "subclass of bitwright's Evaluator"),
    ),
    "unknown reward": (
        {"reward__transform": "hing"},
        ("reward transform 'hing'", "did you mean 'hinge'?"),
    ),
    "a reward of another form": (
        {"reward__transform": "math:floor"},
        ("reward transform 'math:floor' cannot score", "TypeError", "the values and the terms"),
    ),
    "a target without its methods": (
        {"target": "bitwright.targets.base:Target"},
        ("bitwright.targets.base:Target", "with all of its methods"),
    ),
    "something else than a reward": (
        {"reward__transform": "math:pi"},
        ("reward transform 'math:pi' is 3.14", "name a function"),
    ),
    "unknown unit kind": (
        {"space": {"stages": [{"name": "a", "kinds": ["convv"]}]}},
        ("unit kind 'convv'", "did you mean 'conv'?"),
    ),
    "unknown target": ({"target": "onnxruntime"}, ("target 'onnxruntime'", "onnxruntime-cpu")),
    "something else than a target": (
        {"target": "builtins:int"},
        ("builtins:int", "'s Target"),
    ),
    "something else than a unit": (
        {"space": {"stages": [{"name": "a", "kinds": ["builtins:int"]}]}},
        ("unit kind 'builtins:int'", "UnitKind"),
    ),
    "unknown metric": (
        {"reward__metrics": {"accuracy": {}, "latency": {}}},
        ("latency", "did you mean 'latency_ms'?"),
    ),
    "reward without accuracy": (
        {"reward__metrics": {"macs": {"reference": 1e6}}},
        ("[reward.metrics]", "no 'accuracy'"),
    ),
    "unknown limit": ({"limits": {"packed": 1.0}}, ("packed", "packed_bytes")),
    "no GPU": ({"device": "cuda"}, ("device 'cuda'", "'auto' or 'cpu'")),
    "no database driver": (
        {"storage": "postgresql+nodriver://host/db"},
        ("postgresql+nodriver://host/db",),
    ),
    "no database address": ({"storage": "study.db"}, ("'study.db' is no database address",)),
}


@pytest.mark.parametrize("case", WRONG_SETTINGS)
def test_wrong_settings(case: str, settings: Any, refused: Any) -> None:
    changes, words = WRONG_SETTINGS[case]
    if case == "no GPU":
        import torch

        if torch.cuda.is_available():
            pytest.skip("this machine has a GPU")
    write(settings(**changes))
    line = refused("search", "study.yaml")
    for word in words:
        assert word in line


def test_wrong_files(refused: Any) -> None:
    assert "'none.yaml' cannot be read: No such file" in refused("search", "none.yaml")
    Path("broken.yaml").write_text("data: [digits\nspace: tiny")
    line = refused("search", "broken.yaml")
    assert "'broken.yaml' is not valid YAML" in line and "line 2" in line
    Path("double.yaml").write_text("data: digits\nspace: tiny\ntrain: {}\ntrain: {batch: 4}")
    line = refused("search", "double.yaml")
    assert "'double.yaml' is not valid YAML" in line
    assert "key 'train' stands twice" in line and "line 4" in line
    Path("list.yaml").write_text("- data")
    assert "a study is a mapping of keys, got list" in refused("space", "list.yaml")
    Path("binary.yaml").write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8 text" in refused("sensitivity", "binary.yaml")
    Path("folder.yaml").mkdir()
    line = refused("search", "folder.yaml")
    assert "'folder.yaml/study.yaml' cannot be read: No such file" in line


def test_wrong_command_lines(settings: Any, refused: Any) -> None:
    write(settings())
    assert "No such option: --sett" in refused("search", "study.yaml", "--sett", "a=1")
    assert "No such command 'serach'" in refused("serach", "study.yaml")
    assert "Missing argument 'STUDY'" in refused("search")
    assert "write key=value" in refused("search", "study.yaml", "--set", "search.iterations")
    line = refused("search", "study.yaml", "--set", "search.iteratons=3")
    assert "unknown key 'iteratons' in [search]; did you mean 'iterations'?" in line
    assert "no such study; run 'bitwright search'" in refused("show", "study.yaml")
    assert "no such study" in refused("show", "nowhere", "--json")
    assert "no such study" in refused("report", "nowhere")
    assert "'fashion'" in refused("data", "fetch", "fashion")


def images(count: int = 40, size: int = 8) -> Any:
    return np.random.default_rng(0).integers(0, 255, (count, size, size)).astype(np.uint8)


def with_nan() -> Any:
    found = images().astype(np.float32)
    found[3, 2, 1] = np.nan
    return found


ARRAYS: dict[str, tuple[Any, Any, dict[str, Any], tuple[str, ...]]] = {
    "one class": (images(), np.zeros(40, int), {}, ("one class", "at least two")),
    "label below 0": (images(), np.arange(40) % 3 - 1, {}, ("image 0 has label -1",)),
    "label too high": (
        images(),
        np.arange(40) % 3,
        {"classes": ["a", "b"]},
        ("label 2", "numbered 0 to 1"),
    ),
    "NaN pixels": (with_nan(), np.arange(40) % 3, {}, ("image 3", "nan", "finite")),
    "unequal counts": (images(30), np.arange(40) % 3, {}, ("30 images but 40 labels",)),
    "one image of each class": (
        images(4),
        np.array([0, 0, 1, 1]),
        {},
        ("no image is left to hold out", "data.holdout"),
    ),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_images_that_nothing_can_be_learned_from(case: str, settings: Any, refused: Any) -> None:
    pixels, labels, more, words = ARRAYS[case]
    np.savez("mine.npz", images=pixels, labels=labels, **more)
    write(settings(data="mine.npz"))
    line = refused("search", "study.yaml")
    assert "mine" in line
    for word in words:
        assert word in line


def test_images_of_unequal_size(settings: Any, refused: Any) -> None:
    for name, sizes in {"cat": (8, 8, 9), "dog": (8, 8, 8)}.items():
        Path("mine", name).mkdir(parents=True)
        for number, size in enumerate(sizes):
            Image.fromarray(images(1, size)[0]).save(f"mine/{name}/{number}.png")
    write(settings(data="mine"))
    line = refused("search", "study.yaml")
    assert "2.png" in line and "9" in line and "8" in line


def test_a_corrupt_cache_is_named(settings: Any, refused: Any, workplace: Path) -> None:
    from bitwright.tasks.data.registry import find_source

    source = find_source("fashion-mnist")
    assert source is not None
    stored = source.stored(workplace / "cache")
    stored.parent.mkdir(parents=True)
    stored.write_bytes(b"PK\x03\x04 and then nothing of use")
    write(settings(data="fashion-mnist"))
    assert str(stored) in refused("search", "study.yaml")
    assert stored.exists(), "what the user may want to look at is left where it is"


def test_a_corrupt_database_is_left_as_it_is(settings: Any, refused: Any) -> None:
    write(settings(search__iterations=1))
    assert run(["search", "study.yaml", "--quiet"]) == 0
    database = Path("runs/study/study.db")
    broken = b"SQLite format 3\x00" + database.read_bytes()[16:2000] + b"\xff" * 3000
    database.write_bytes(broken)
    for command in (["search", "study.yaml"], ["show", "study.yaml"], ["report", "runs/study"]):
        line = refused(*command)
        assert str(database.resolve()) in line
        assert "restore it from a copy" in line
    assert database.read_bytes() == broken
    assert Path("runs/study/model.onnx").exists()


def test_a_database_that_is_none(settings: Any, refused: Any) -> None:
    write(settings())
    Path("runs/study").mkdir(parents=True)
    Path("runs/study/study.db").write_text("shopping list: milk, bread\n" * 100)
    assert "it is not a SQLite database" in refused("search", "study.yaml")
    assert Path("runs/study/study.db").read_text().startswith("shopping list")


def test_a_database_of_a_newer_schema(settings: Any, refused: Any) -> None:
    write(settings(search__iterations=1))
    assert run(["search", "study.yaml", "--quiet"]) == 0
    with sqlite3.connect("runs/study/study.db") as connection:
        connection.execute(
            "UPDATE study_user_attributes SET value_json = ? WHERE key = 'bitwright_schema'",
            (str(SCHEMA_VERSION + 1),),
        )
    connection.close()
    for command in ("search", "show"):
        line = refused(command, "study.yaml")
        assert f"has schema {SCHEMA_VERSION + 1}" in line and "update bitwright" in line


def test_changed_settings_on_resume(settings: Any, refused: Any) -> None:
    write(settings(search__iterations=1))
    assert run(["search", "study.yaml", "--quiet"]) == 0
    line = refused("search", "study.yaml", "--set", "train.epochs=3")
    assert "train.epochs = 0.5, now it is 3.0" in line and "--out" in line
    assert len(view("study.yaml").outcomes) == 2
    assert run(["search", "study.yaml", "--quiet"]) == 0


def test_an_output_folder_that_cannot_be(settings: Any, refused: Any) -> None:
    write(settings())
    Path("taken").write_text("a file of mine")
    for out in ("taken", "taken/below"):
        line = refused("search", "study.yaml", "--out", out)
        assert f"output folder '{out}' cannot be written" in line and "--out" in line
    assert Path("taken").read_text() == "a file of mine"


def test_a_read_only_output_folder(settings: Any, refused: Any, small_disk: Any) -> None:
    write(settings())
    with small_disk(read_only=True) as out:
        line = refused("search", "study.yaml", "--out", str(out))
    assert f"output folder '{out}' cannot be written (Read-only file system)" in line


@pytest.mark.parametrize("kilobytes", [164, 300, 2000])
def test_a_full_disk(kilobytes: int, settings: Any, refused: Any, small_disk: Any) -> None:
    """At whatever point the disk is full; then there is space again, and the study goes on."""
    write(settings(search__iterations=3, baseline=True))
    with small_disk(kilobytes=kilobytes) as out:
        line = refused("search", "study.yaml", "--out", str(out / "study"), "--quiet")
        assert str(out) in line
        assert "run the same command again" in line or "--out" in line
        os.system(f"mount -o remount,size=40m {out}")
        assert run(["search", "study.yaml", "--out", str(out / "study"), "--quiet"]) == 0
        assert {outcome.state for outcome in view(out / "study").outcomes} == {"complete"}


def test_a_limit_on_file_sizes(settings: Any, program: Any) -> None:
    """As a full disk, for those who may not mount one: no file grows over 100 kB."""
    program.study()
    limited = (
        "import resource, sys; from bitwright.cli import main; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); main()"
    )
    ended = program.run("search", "study.yaml", "--quiet", python=limited)
    assert ended.code == 2, ended.err
    [line] = ended.err.splitlines()
    assert line.startswith("bitwright: ") and "study.db" in line
    assert program.run("search", "study.yaml", "--quiet").code == 0


def test_two_programs_in_one_folder_at_once(program: Any) -> None:
    file = program.study(search__iterations=1000)
    first = program.start("search", file)
    first.wait_for("trial 0: ")
    second = program.run("search", file)
    assert second.code == 2
    assert second.err == (
        "bitwright: another bitwright works in 'runs/study'; wait for it, or use --out\n"
    )
    assert first.stop(signal.SIGINT).code == 3
