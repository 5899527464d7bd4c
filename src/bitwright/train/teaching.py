"""A study's lesson: its teacher trained or loaded, checked, and asked about every training image.

What the teacher said is kept in the study's folder, so that a run that goes on, and every process
that works for it, learn from the very same numbers.
"""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bitwright.config import StudyConfig
from bitwright.errors import ConfigError
from bitwright.export.runtime import CLASSES_KEY
from bitwright.records import Blueprint
from bitwright.seeds import derive
from bitwright.space.templates import stages_of
from bitwright.study.documents import teacher_from_json, teacher_to_json
from bitwright.study.view import TeacherEntry
from bitwright.train.checkpoint import UNREADABLE, Checkpoint, write
from bitwright.train.distill import Answers, Imitation, Lesson
from bitwright.train.final import run_key
from bitwright.train.largest import largest
from bitwright.train.netfile import write_net
from bitwright.train.onnx_teacher import OnnxTeacher
from bitwright.train.shop import Shop
from bitwright.train.teacher import NetTeacher, Teacher, answers, load
from bitwright.train.trainer import Hooks

JUDGED = 2000  # held-out images looked at after each epoch, for the curve


@dataclasses.dataclass(frozen=True, slots=True)
class School:
    """Gives a study its lesson; what is done already is not done again.

    `watch` hears of steps done, steps in all and the loss, in training and then in asking.
    """

    shop: Shop
    config: StudyConfig
    folder: Path
    watch: Callable[[int, int, float], None] = lambda done, total, loss: None

    def ready(self) -> bool:
        """Whether the lesson lies in the folder."""
        return self._kept() is not None

    def lesson(self) -> tuple[Lesson, TeacherEntry]:
        """The lesson, and who teaches it. ConfigError for a teacher that does not fit the data."""
        answered, entry = self._kept() or self._asked()
        settings = self.config.distill
        parts = [entry.key, settings.weight, settings.temperature, settings.features]
        lesson = Lesson(
            answered,
            self._imitation(),
            settings.weight,
            settings.temperature,
            settings.features,
            _digest(parts),
        )
        return lesson, entry

    def check(self) -> None:
        """ConfigError for what cannot teach; the study's own teacher always can."""
        self._imitation()
        if not self._trains and not self.ready():
            self._judged(self._from_file()[0])

    def _imitation(self) -> Imitation:
        found = self.shop.task.imitation()
        if found is None:
            raise ConfigError(
                f"distill.where is '{self.config.distill.where}', but networks of task "
                f"'{self.config.task}' have no way to imitate a teacher; set it to nowhere"
            )
        return found

    def _kept(self) -> tuple[Answers, TeacherEntry] | None:
        """What the folder holds of this very lesson."""
        key, path = self._key(), self._file("lesson.pt")
        if not path.exists():
            return None
        try:
            found = torch.load(path, weights_only=True, map_location=self.shop.device)
            entry = teacher_from_json(json.loads(found["entry"]))
            logits, features = found["logits"], found["features"]
        except UNREADABLE:
            return None
        if entry.key != key:
            return None
        return Answers(logits, features), entry

    def _asked(self) -> tuple[Answers, TeacherEntry]:
        """Asks the teacher, and keeps what it says."""
        teacher, entry = self._own() if self._trains else self._from_file()
        entry = dataclasses.replace(entry, accuracy=self._judged(teacher), key=self._key())
        start = time.monotonic()
        found = answers(
            teacher,
            self.shop.task.views(self.shop.train.inputs),
            features=self.config.distill.features > 0,
            progress=lambda done, total: self.watch(done, total, 0.0),
        )
        entry = dataclasses.replace(
            entry, spent_seconds=entry.spent_seconds + time.monotonic() - start
        )
        content = {
            "entry": json.dumps(teacher_to_json(entry)),
            "logits": found.logits.cpu(),
            "features": None if found.features is None else found.features.cpu(),
        }
        write(self._file("lesson.pt"), content)
        return self._kept() or (found, entry)

    @property
    def _trains(self) -> bool:
        return self.config.distill.teacher == "study"

    def _own(self) -> tuple[Teacher, TeacherEntry]:
        """The study's own teacher: trained before, or trained now."""
        path, key = self._file("teacher.pt"), self._training_key()
        if path.exists():
            teacher, about = load(path, self.shop.device)
            if about.get("key") == key:
                return teacher, teacher_from_json(json.loads(about["entry"]))
        return self._trained(path, key)

    def _trained(self, path: Path, key: str) -> tuple[Teacher, TeacherEntry]:
        """A training run that goes on from its last epoch, whose time counts whenever it was."""
        checkpoint = Checkpoint(self._file("teacher.checkpoint.pt"), key)
        resume = checkpoint.load()
        before = resume.pop("seconds") if resume else 0.0
        start = time.monotonic()
        held = self.shop.held.first(JUDGED)
        hooks = Hooks(
            judge=lambda net: self.shop.score(net, held),
            watch=lambda p: self.watch(p.done, p.total, p.loss),
            save=lambda state: checkpoint.save(
                {**state, "seconds": before + time.monotonic() - start}
            ),
            resume=resume,
        )
        blueprint = self._blueprint()
        net, curve = self.shop.trained(blueprint, self.config.distill.train, self._seed, hooks)
        seconds = before + time.monotonic() - start
        entry = TeacherEntry("study", units=blueprint.units, curve=curve, spent_seconds=seconds)
        about = {
            "key": key,
            "classes": self._classes(),
            "entry": json.dumps(teacher_to_json(entry)),
        }
        write_net(net, blueprint, path, about)
        checkpoint.remove()
        return NetTeacher(net, self._classes()), entry

    def _from_file(self) -> tuple[Teacher, TeacherEntry]:
        """A teacher made elsewhere, checked against the data."""
        settings, data = self.config.distill, self.shop.task.data
        path = Path(settings.teacher)
        if path.suffix == ".onnx":
            teacher: Teacher = OnnxTeacher(
                path,
                data.input.shape,
                mean=settings.mean,
                deviation=settings.deviation,
                threads=self.shop.threads,
            )
        else:
            teacher, _ = load(path, self.shop.device)
        self._check(teacher)
        return teacher, TeacherEntry(settings.teacher)

    def _check(self, teacher: Teacher) -> None:
        """ConfigError for a teacher of other images or classes, or one that only guesses."""
        data, name = self.shop.task.data, self.config.distill.teacher
        if teacher.shape != data.input.shape:
            raise ConfigError(
                f"distill.teacher: '{name}' takes images of shape {_shown(teacher.shape)}, the "
                f"data's are {_shown(data.input.shape)}; name a teacher for such images"
            )
        outputs = teacher.ask(self.shop.held.inputs[:1])[0].shape[1]
        if outputs != data.outputs:
            raise ConfigError(
                f"distill.teacher: '{name}' knows {outputs} classes, the data has {data.outputs}; "
                "name a teacher of the same classes"
            )
        known, wanted = teacher.classes, self._classes()
        if known is not None and wanted is not None and known != wanted:
            raise ConfigError(
                f"distill.teacher: '{name}' calls its classes {', '.join(known)}, the data "
                f"{', '.join(wanted)}; name a teacher of the same classes in the same order"
            )

    def _judged(self, teacher: Teacher) -> float:
        """How right the teacher is on held-out images; ConfigError where a file only guesses."""
        held, task = self.shop.held, self.shop.task
        targets = held.targets.cpu().numpy()
        found = answers(teacher, (held.inputs,), features=False, progress=lambda done, total: None)
        score = task.score(found.logits[0].cpu().numpy(), targets)
        if not self._trains:
            constant = np.eye(task.data.outputs, dtype=np.float32)
            guess = max(task.score(np.tile(row, (len(held), 1)), targets) for row in constant)
            if score <= guess:
                raise ConfigError(
                    f"distill.teacher: '{self.config.distill.teacher}' is right on "
                    f"{100 * score:.1f} % of the held-out images, a guess on {100 * guess:.1f} %; "
                    "check distill.mean and distill.deviation, and the order of its classes"
                )
        return score

    def _blueprint(self) -> Blueprint:
        data = self.shop.task.data
        return largest(stages_of(self.config.space), data.input.shape, data.outputs)

    @property
    def _seed(self) -> int:
        return derive(self.config.search.seed, 0, "teacher")

    def _training_key(self) -> str:
        """Names the own teacher's training: another data set's is another one."""
        run = run_key(self._blueprint(), self.config.distill.train, self._seed, None)
        return _digest([run, *self._data_key()])

    def _key(self) -> str:
        """Names all that the answers depend on."""
        settings = self.config.distill
        if self._trains:
            source: list[Any] = [self._training_key()]
        else:
            source = [_file_digest(Path(settings.teacher)), settings.mean, settings.deviation]
        return _digest([*source, *self._data_key(), settings.features > 0])

    def _data_key(self) -> list[Any]:
        data = self.config.data.model_dump(mode="json")
        return [self.shop.task.data.digest, data, self.config.search.seed]

    def _classes(self) -> tuple[str, ...] | None:
        text = self.shop.task.metadata().get(CLASSES_KEY)
        return None if text is None else tuple(json.loads(text))

    def _file(self, name: str) -> Path:
        return self.folder / name


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _file_digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(
            f"distill.teacher: '{path}' cannot be read ({error.strerror}); name an .onnx file, a "
            "study's teacher.pt, or 'study' for a teacher of the study's own"
        ) from error


def _shown(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
