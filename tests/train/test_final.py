"""The network that a study hands over: its file, its proof and its checkpoint."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from bitwright.config import TrainConfig
from bitwright.export import reference
from bitwright.export.float_layers import FLOAT_LAYERS, candidates
from bitwright.export.runtime import load
from bitwright.measure import float_layers
from bitwright.quant.spec import Method
from bitwright.records import Genome
from bitwright.space.baseline import baseline
from bitwright.study.view import Entry
from bitwright.train.final import Finisher
from bitwright.train.shop import Shop
from bitwright.train.trainer import Progress

MAY_DIFFER_PERCENT = 0.1  # of the predictions, as the issue of the target allows
BUDGET = TrainConfig(epochs=4, batch=64, learning_rate=0.01)
GENOME = Genome("a space", (("stem/width", 8),))


def finish(
    shop: Shop,
    folder: Path,
    *,
    budget: TrainConfig = BUDGET,
    stop_at: int | None = None,
    timed: bool = False,
) -> tuple[Entry, list[int]]:
    """Trains a small network; returns the entry and the steps that were watched."""
    folder.mkdir(exist_ok=True)
    steps: list[int] = []

    def watch(progress: Progress) -> None:
        steps.append(progress.done)
        if stop_at is not None and progress.done > stop_at:
            raise KeyboardInterrupt

    weight, activation = Method.parse("lsq:4"), Method.parse("lsq:8", "activation")
    blueprint = baseline((1, 8, 8), 10, weight, activation)
    finisher = Finisher(shop, budget, folder, seed=5, watch=watch, timed=timed)
    return finisher.finish("winner", blueprint, GENOME, folder / "model.onnx"), steps


@pytest.fixture(scope="module")
def finished(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> tuple[Entry, Path]:
    folder = tmp_path_factory.mktemp("final")
    return finish(shop, folder)[0], folder / "model.onnx"


def test_the_file_is_valid_and_small(finished: tuple[Entry, Path]) -> None:
    entry, path = finished
    onnx.checker.check_model(onnx.load(path), full_check=True)
    assert entry.packed_bytes is not None
    assert entry.file_bytes == path.stat().st_size
    assert path.stat().st_size <= 1.10 * entry.packed_bytes + 16_000


def test_the_file_says_what_it_is(shop: Shop, finished: tuple[Entry, Path]) -> None:
    entry, path = finished
    about = load(path).metadata
    assert about["study"] == "digits study"
    assert json.loads(about["genome"]) == {"stem/width": 8}
    assert json.loads(about["policy"]) == {str(site): str(m) for site, m in entry.policy}
    assert [unit["path"] for unit in json.loads(about["units"])] == [u.path for u in entry.units]
    assert about["test_accuracy"] == f"{entry.test_accuracy:.4f}"
    assert about["held_out_accuracy"] == f"{entry.accuracy:.4f}"
    assert (about["data"], about["data_sha256"]) == ("digits", shop.task.data.digest)
    assert json.loads(about["classes"]) == [str(digit) for digit in range(10)]


def test_the_file_predicts_what_was_recorded(shop: Shop, finished: tuple[Entry, Path]) -> None:
    entry, path = finished
    model = load(path)
    data = shop.task.data
    for part, recorded in ((data.test, entry.test_accuracy), (data.held, entry.accuracy)):
        correct = model.predict(part.inputs) == part.targets
        assert correct.mean() == recorded
    assert entry.test_accuracy is not None and entry.test_accuracy > 0.85
    assert len(entry.curve) == 4 and all(held is not None for _, _, held in entry.curve)
    assert entry.latency_ms is not None and entry.latency_ms > 0
    assert entry.latency_spread_ms is not None and entry.latency_spread_ms >= 0


def test_the_proof_holds(finished: tuple[Entry, Path]) -> None:
    proof = dict(finished[0].proof)
    assert proof["images"] == "359"
    assert proof["images_through_integer_reference"] == "359"
    for name in ("differ_from_trained", "differ_from_integer_reference"):
        assert float(proof[name].removesuffix(" %")) <= MAY_DIFFER_PERCENT
    assert len(proof["file_sha256"]) == 64


def test_the_integer_reference_agrees_logit_by_logit(
    shop: Shop, finished: tuple[Entry, Path]
) -> None:
    path = finished[1]
    images = shop.task.data.test.inputs[:100]
    weight, activation = Method.parse("lsq:4"), Method.parse("lsq:8", "activation")
    blueprint = baseline((1, 8, 8), 10, weight, activation)
    net, _ = shop.trained(blueprint, BUDGET, seed=5)
    exact = reference.run(net.to_integer(), images)
    assert (exact.argmax(1) == load(path).predict(images)).mean() >= 1 - MAY_DIFFER_PERCENT / 100
    assert np.corrcoef(exact.ravel(), load(path).logits(images).ravel())[0, 1] > 0.999


def test_an_interrupted_training_goes_on_from_its_last_epoch(
    shop: Shop, finished: tuple[Entry, Path], tmp_path: Path
) -> None:
    entry, path = finished
    per_epoch = 1295 // 64
    with pytest.raises(KeyboardInterrupt):
        finish(shop, tmp_path, stop_at=2 * per_epoch)
    assert (tmp_path / "model.checkpoint.pt").exists()
    resumed, steps = finish(shop, tmp_path)
    assert min(steps) > 2 * per_epoch
    assert resumed.curve == entry.curve
    assert resumed.test_accuracy == entry.test_accuracy
    assert (tmp_path / "model.onnx").read_bytes() == path.read_bytes()
    assert [item.name for item in tmp_path.iterdir()] == ["model.onnx"]


def test_the_checkpoint_of_another_training_is_not_gone_on_from(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        finish(shop, tmp_path, stop_at=20)
    other = BUDGET.model_copy(update={"epochs": 1.0})
    _, steps = finish(shop, tmp_path, budget=other)
    assert min(steps) == 20


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04nonsense"])
def test_a_broken_checkpoint_is_reported_and_left(
    content: bytes, shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "model.checkpoint.pt").write_bytes(content)
    _, steps = finish(shop, tmp_path, budget=BUDGET.model_copy(update={"epochs": 1.0}))
    assert min(steps) == 20
    assert "training starts anew" in caplog.text


def test_a_full_disk_leaves_no_half_checkpoint(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "model.checkpoint.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        finish(shop, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_where_times_count_the_file_has_the_form_that_is_fastest(
    shop: Shop, finished: tuple[Entry, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Float layers change what runs, not what it answers."""
    monkeypatch.setattr(float_layers, "faster_in_float", candidates)
    entry, path = finished
    formed, _ = finish(shop, tmp_path, timed=True)
    about = load(tmp_path / "model.onnx").metadata
    assert json.loads(about[FLOAT_LAYERS]) == ["stem/0/conv"]
    assert FLOAT_LAYERS not in load(path).metadata
    assert about["test_accuracy"] == f"{formed.test_accuracy:.4f}"
    assert formed.test_accuracy == entry.test_accuracy
    proof = dict(formed.proof)
    assert proof["layers_in_float32_kernels"] == "stem/0/conv"
    assert "layers_in_float32_kernels" not in dict(entry.proof)
    assert proof["differ_from_integer_reference"] == "0.000 %"
