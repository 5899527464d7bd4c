"""A study's lesson: made once, kept, checked; and students that learn from it."""

import dataclasses
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch

from bitwright.config import StudyConfig, TrainConfig
from bitwright.errors import ConfigError
from bitwright.tasks.image_classification import ImageClassification
from bitwright.testing.networks import blueprint_of
from bitwright.train import teaching
from bitwright.train.shop import Shop
from bitwright.train.teaching import School

pytestmark = pytest.mark.usefixtures("one_thread")

Config = Callable[..., StudyConfig]
TRAIN = {"epochs": 3, "batch": 64, "learning_rate": 0.02}
EVERYWHERE = {"where": "everywhere", "train": TRAIN}


@pytest.fixture(scope="module")
def settings(config: Config) -> Config:
    """The smallest study with a teacher for all, and keys of `distill` changed."""
    return lambda **changes: config(distill={**EVERYWHERE, **changes})


@pytest.fixture(scope="module")
def made(
    shop: Shop,
    settings: Config,
    tmp_path_factory: pytest.TempPathFactory,
    with_one_thread: Callable[[], AbstractContextManager[None]],
) -> Path:
    """A folder in which the lesson of these settings is made."""
    folder = tmp_path_factory.mktemp("made")
    with with_one_thread():
        School(shop, settings(), folder).lesson()
    return folder


@pytest.fixture
def taught(made: Path, shop: Shop, settings: Config, tmp_path: Path) -> School:
    """A school whose lesson is made, in a folder of its own."""
    return School(shop, settings(), Path(shutil.copytree(made, tmp_path / "taught")))


def refuse(shop: Shop, *args: Any) -> Any:
    pytest.fail("nothing must be trained here")


def test_the_studys_own_teacher_is_trained_asked_and_kept(
    shop: Shop, settings: Config, tmp_path: Path
) -> None:
    heard: list[tuple[int, int, float]] = []
    school = School(shop, settings(), tmp_path, lambda *step: heard.append(step))
    assert not school.ready()
    lesson, entry = school.lesson()
    assert school.ready()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lesson.pt", "teacher.pt"]
    assert entry.source == "study"
    assert entry.accuracy > 0.6
    assert [point[0] for point in entry.curve] == [1, 2, 3]
    assert [unit.path for unit in entry.units] == ["stem/0", "body/0", "body/1", "head"]
    assert entry.spent_seconds > 0
    assert (lesson.weight, lesson.temperature, lesson.features) == (0.5, 4.0, 0.0)
    assert lesson.answers.logits.shape == (1, len(shop.train), 10)
    assert lesson.answers.features is None
    right = (lesson.answers.logits[0].argmax(1) == shop.train.targets).float().mean()
    assert right > 0.6
    steps = [step for step in heard if step[2]]
    assert steps[-1][:2] == (60, 60), "its training"
    assert heard[-1] == (len(shop.train), len(shop.train), 0.0), "the asking"


def test_a_kept_lesson_is_not_made_again(
    taught: School, shop: Shop, settings: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, entry = taught.lesson()
    monkeypatch.setattr(Shop, "trained", refuse)
    monkeypatch.setattr(teaching, "answers", refuse)
    second, same = School(shop, settings(), taught.folder).lesson()
    assert same == entry
    assert second.key == first.key
    assert torch.equal(second.answers.logits, first.answers.logits)
    other, _ = School(shop, settings(weight=0.9), taught.folder).lesson()
    assert other.key != first.key, "the answers are the same, but not what is made of them"


def test_other_questions_to_the_same_teacher_do_not_train_it_again(
    taught: School, shop: Shop, settings: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Shop, "trained", refuse)
    lesson, _ = School(shop, settings(features=1.0), taught.folder).lesson()
    assert lesson.answers.features is not None
    assert lesson.answers.features.shape == (1, len(shop.train), 8)


@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_a_broken_lesson_is_made_again(content: bytes, taught: School) -> None:
    first, entry = taught.lesson()
    (taught.folder / "lesson.pt").write_bytes(content)
    again, same = taught.lesson()
    assert torch.equal(again.answers.logits, first.answers.logits)
    assert (same.accuracy, same.key) == (entry.accuracy, entry.key)


def test_another_training_is_another_teacher(taught: School, shop: Shop, config: Config) -> None:
    shorter = config(distill={"where": "final", "train": {**TRAIN, "epochs": 1}})
    other = School(shop, shorter, taught.folder)
    assert not other.ready()
    assert len(other.lesson()[1].curve) == 1


def test_an_interrupted_training_goes_on_and_its_time_counts(
    taught: School, shop: Shop, settings: Config, tmp_path: Path
) -> None:
    def interrupt(done: int, total: int, loss: float) -> None:
        if done > 20:
            raise KeyboardInterrupt

    folder = tmp_path / "interrupted"
    folder.mkdir()
    with pytest.raises(KeyboardInterrupt):
        School(shop, settings(), folder, interrupt).lesson()
    assert [path.name for path in folder.iterdir()] == ["teacher.checkpoint.pt"]
    kept = torch.load(folder / "teacher.checkpoint.pt", weights_only=False)
    kept["state"]["seconds"] = 1000.0
    torch.save(kept, folder / "teacher.checkpoint.pt")
    steps: list[int] = []
    school = School(shop, settings(), folder, lambda done, total, loss: steps.append(done))
    lesson, entry = school.lesson()
    assert steps[0] > 20
    whole, unbroken = taught.lesson()
    assert entry.curve == unbroken.curve
    assert torch.equal(lesson.answers.logits, whole.answers.logits)
    assert entry.spent_seconds > 1000
    assert not (folder / "teacher.checkpoint.pt").exists()


def test_mirrored_images_are_asked_about_where_training_mirrors(
    shop: Shop, settings: Config, tmp_path: Path
) -> None:
    config = settings(train={**TRAIN, "epochs": 1})
    data = config.data.model_copy(update={"augment": {"flip": True, "shift": 1}})
    config = StudyConfig.from_mapping(
        {**config.model_dump(), "data": data.model_dump(warnings=False)}
    )
    task = ImageClassification.make(config.data, seed=0)
    mirroring = dataclasses.replace(shop, task=task)
    lesson, _ = School(mirroring, config, tmp_path).lesson()
    assert lesson.answers.logits.shape[0] == 2
    batch = next(iter(mirroring.batches(config.train, seed=1)))
    assert set(batch.views.tolist()) == {0, 1}
    taught, _ = lesson.answers.of(batch)
    for at in range(10):
        assert torch.equal(taught[at], lesson.answers.logits[batch.views[at], batch.rows[at]])


@pytest.mark.parametrize("name", ["teacher.pt", "model.onnx"])
def test_a_file_of_ours_can_teach(
    name: str, taught: School, shop: Shop, settings: Config, tmp_path: Path
) -> None:
    path = taught.folder / name
    if name == "model.onnx":
        net, _ = shop.trained(student(8), TrainConfig(**TRAIN), seed=3)
        shop.export(net, path, {})
    folder = tmp_path / "other"
    folder.mkdir()
    school = School(shop, settings(teacher=str(path)), folder)
    school.check()
    lesson, entry = school.lesson()
    assert entry.source == str(path)
    assert (entry.units, entry.curve) == ((), ())
    assert entry.accuracy > 0.5
    if name == "teacher.pt":
        assert torch.equal(lesson.answers.logits, taught.lesson()[0].answers.logits)
    assert [item.name for item in folder.iterdir()] == ["lesson.pt"]


def test_a_file_that_changes_is_another_teacher(
    taught: School, shop: Shop, settings: Config, tmp_path: Path
) -> None:
    path = tmp_path / "moved.pt"
    path.write_bytes((taught.folder / "teacher.pt").read_bytes())
    school = School(shop, settings(teacher=str(path)), tmp_path)
    key = school.lesson()[1].key
    content = torch.load(path, weights_only=True)
    content["state"]["layers.head/linear.bias"] += 0.1
    torch.save(content, path)
    assert not school.ready()
    assert school.lesson()[1].key != key


def student(bits: int) -> Any:
    return blueprint_of(
        {"name": "stem", "width": 8, "stride": 2},
        {"name": "body", "width": 12},
        weight=f"lsq:{bits}",
        activation=f"lsq:{bits}",
    )


def change(path: Path, **values: Any) -> None:
    content = torch.load(path, weights_only=True)
    torch.save({**content, **values}, path)


def test_a_teacher_of_other_classes_or_images_is_refused(
    taught: School, shop: Shop, settings: Config, tmp_path: Path
) -> None:
    path = taught.folder / "teacher.pt"

    def refused(match: str) -> None:
        with pytest.raises(ConfigError, match=match):
            School(shop, settings(teacher=str(path)), tmp_path / "none").check()

    about = torch.load(path, weights_only=True)["about"]
    change(path, about={**about, "classes": tuple("abcdefghij")})
    refused("calls its classes a, b, c.*, the data 0, 1, 2.*in the same order")
    for changes, words in (
        ({"shape": (1, 12, 12)}, "takes images of shape 1x12x12, the data's are 1x8x8"),
        ({"classes": 7}, "knows 7 classes, the data has 10"),
    ):
        other = blueprint_of({"name": "stem", "width": 8}, **changes)  # type: ignore[arg-type]
        teaching.write_net(shop.build(other, seed=0), other, path, {})
        refused(words)


def test_a_teacher_that_only_guesses_is_refused(
    taught: School, shop: Shop, settings: Config, tmp_path: Path
) -> None:
    path = taught.folder / "teacher.pt"
    content = torch.load(path, weights_only=True)
    content["state"]["layers.head/linear.bias"][4] = 1e6  # always a four
    torch.save(content, path)
    with pytest.raises(
        ConfigError, match=r"is right on \d+\.\d % of the held-out images, a guess on \d+\.\d %"
    ):
        School(shop, settings(teacher=str(path)), tmp_path / "none").check()


@pytest.mark.parametrize("name", ["no.onnx", "no.pt", "."])
def test_a_teacher_that_is_not_there_is_refused(
    name: str, shop: Shop, settings: Config, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"distill\.teacher: '.*' cannot be read \(.*name an"):
        School(shop, settings(teacher=str(tmp_path / name)), tmp_path).check()


class Mute(ImageClassification):
    """A task whose networks cannot learn from a teacher."""

    def imitation(self) -> None:
        return None


def test_a_task_without_imitation_is_refused(shop: Shop, settings: Config, tmp_path: Path) -> None:
    config = settings()
    mute = dataclasses.replace(shop, task=Mute.make(config.data, seed=0))
    with pytest.raises(ConfigError, match="have no way to imitate a teacher"):
        School(mute, config, tmp_path).check()


def test_students_come_nearer_to_their_teacher_than_others_do(taught: School, shop: Shop) -> None:
    lesson, _ = taught.lesson()
    budget = TrainConfig(epochs=4, batch=64, learning_rate=0.01)
    agreement = []
    for given in (None, dataclasses.replace(lesson, weight=1.0)):
        learning = dataclasses.replace(shop, lesson=given)
        net, curve = learning.trained(student(4), budget, seed=2)
        with torch.no_grad():
            found = torch.softmax(net(shop.train.inputs), 1)
        wanted = torch.softmax(lesson.answers.logits[0], 1)
        agreement.append(float((found - wanted).abs().sum(1).mean()))
        assert curve[-1][1] < curve[0][1]
    assert agreement[1] < agreement[0]
