"""A teacher of ours: what it says of images, and the file that it comes in."""

from pathlib import Path

import pytest
import torch

from bitwright.errors import ConfigError
from bitwright.testing.networks import blueprint_of
from bitwright.train.checkpoint import write
from bitwright.train.netfile import write_net
from bitwright.train.shop import Shop
from bitwright.train.teacher import NetTeacher, answers, load

CPU = torch.device("cpu")
BLUEPRINT = blueprint_of(
    {"name": "stem", "width": 8},
    {"name": "body", "width": 12},
    weight="none:32",
    activation="none:32",
)


@pytest.fixture
def teacher(shop: Shop) -> NetTeacher:
    return NetTeacher(shop.build(BLUEPRINT, seed=0), None)


def test_it_says_logits_and_what_the_classifier_sees(shop: Shop, teacher: NetTeacher) -> None:
    images = shop.held.inputs[:5]
    logits, features = teacher.ask(images)
    assert features is not None and features.shape == (5, 12)
    with torch.no_grad():
        assert torch.equal(logits, teacher.net(images))
        assert torch.equal(logits, teacher.net.classify(features))
    assert not logits.requires_grad and not teacher.net.training


def test_every_image_is_asked_about_in_every_view(shop: Shop, teacher: NetTeacher) -> None:
    images = shop.train.inputs  # more than are asked about at once
    heard: list[tuple[int, int]] = []
    found = answers(
        teacher,
        (images, images.flip(3)),
        features=True,
        progress=lambda done, total: heard.append((done, total)),
    )
    assert found.features is not None
    assert found.logits.shape == (2, len(images), 10)
    assert found.features.shape == (2, len(images), 12)
    for row in (0, 499, 500, len(images) - 1):
        for view, image in enumerate((images[row], images[row].flip(2))):
            logits, features = teacher.ask(image[None])
            assert features is not None
            assert torch.allclose(found.logits[view, row], logits[0], atol=1e-5)
            assert torch.allclose(found.features[view, row], features[0], atol=1e-5)
    assert heard[-1] == (2 * len(images), 2 * len(images))
    assert heard == sorted(heard)


def test_features_are_kept_only_where_somebody_learns_from_them(
    shop: Shop, teacher: NetTeacher
) -> None:
    found = answers(teacher, (shop.held.inputs,), features=False, progress=lambda a, b: None)
    assert found.features is None


def test_a_file_holds_the_network_and_what_was_said_of_it(
    shop: Shop, teacher: NetTeacher, tmp_path: Path
) -> None:
    write_net(teacher.net, BLUEPRINT, tmp_path / "teacher.pt", {"classes": ("a", "b"), "key": "k"})
    again, about = load(tmp_path / "teacher.pt", CPU)
    assert about == {"classes": ("a", "b"), "key": "k"}
    assert again.classes == ("a", "b")
    assert again.shape == (1, 8, 8)
    assert torch.equal(again.ask(shop.held.inputs)[0], teacher.ask(shop.held.inputs)[0])


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04nonsense"])
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "teacher.pt"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"'.*teacher\.pt' is no checkpoint of a teacher"):
        load(path, CPU)


def test_tensors_that_are_no_teacher_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "teacher.pt", {"state": torch.zeros(3)})
    with pytest.raises(ConfigError, match="is no checkpoint of a teacher"):
        load(tmp_path / "teacher.pt", CPU)
