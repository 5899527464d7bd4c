"""Learning from a teacher: its losses by hand, its answers looked up, and students that follow."""

import pytest
import torch
from torch import Tensor

from bitwright.train.batches import Batch
from bitwright.train.distill import (
    Answers,
    Lesson,
    similarities,
    similarity_loss,
    soft_cross_entropy,
)

SMALL = 1e-6  # float32 sums of a few terms


def batch(rows: list[int], views: list[int]) -> Batch:
    count = len(rows)
    return Batch(
        torch.zeros(count, 1, 2, 2),
        torch.zeros(count, dtype=torch.int64),
        torch.tensor(rows),
        torch.tensor(views),
    )


def lesson(answers: Answers, **changes: float) -> Lesson:
    values = {"weight": 0.5, "temperature": 2.0, "features": 0.0, **changes}
    return Lesson(answers, soft_cross_entropy, key="a lesson", **values)


@pytest.fixture
def answers() -> Answers:
    generator = torch.Generator().manual_seed(0)
    return Answers(
        torch.randn(2, 5, 3, generator=generator), torch.rand(2, 5, 4, generator=generator)
    )


def test_the_answers_are_those_of_the_images_in_their_view(answers: Answers) -> None:
    logits, features = answers.of(batch([4, 0, 4], [0, 1, 1]))
    assert features is not None and answers.features is not None
    for at, (row, view) in enumerate([(4, 0), (0, 1), (4, 1)]):
        assert torch.equal(logits[at], answers.logits[view, row])
        assert torch.equal(features[at], answers.features[view, row])


def test_the_soft_loss_is_the_divergence_worked_out_by_hand() -> None:
    logits, taught = torch.tensor([[1.0, -1.0]]), torch.tensor([[3.0, 1.0]])
    assert soft_cross_entropy(logits, taught, 2.0) == pytest.approx(0.0, abs=SMALL)
    logits = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    taught = torch.tensor([[2.0, 0.0], [2.0, 0.0]])
    sure = torch.softmax(torch.tensor([1.0, 0.0]), 0)  # the teacher's, at temperature 2
    expected = 4 * float((sure * (sure / 0.5).log()).sum()) / 2  # the second image adds nothing
    assert float(soft_cross_entropy(logits, taught, 2.0)) == pytest.approx(expected, rel=1e-5)


def test_the_soft_gradient_keeps_its_size_at_any_temperature() -> None:
    """For small logits it is (student - teacher) / classes, whatever the temperature."""
    sizes = []
    for temperature in (4.0, 16.0, 64.0):
        logits = torch.tensor([[0.1, 0.0, -0.1, 0.0]], requires_grad=True)
        soft_cross_entropy(logits, torch.zeros(1, 4), temperature).backward()  # type: ignore[no-untyped-call]
        assert logits.grad is not None
        sizes.append(float(logits.grad.abs().max()))
    assert sizes == pytest.approx([0.025] * 3, rel=0.02)


def test_likeness_does_not_depend_on_widths_scales_or_rotations() -> None:
    generator = torch.Generator().manual_seed(1)
    features = torch.rand(6, 5, generator=generator)
    turn, _ = torch.linalg.qr(torch.randn(5, 5, generator=generator))
    wider = torch.cat([features @ turn, torch.zeros(6, 3)], 1) * 7
    assert float(similarity_loss(features, wider)) == pytest.approx(0.0, abs=SMALL)
    assert torch.allclose(similarities(features).norm(dim=1), torch.ones(6))
    assert float(similarity_loss(features, torch.rand(6, 9, generator=generator))) > 0.01


def test_likeness_looks_at_whole_maps_too() -> None:
    maps = torch.rand(4, 3, 2, 2)
    assert torch.equal(similarities(maps), similarities(maps.flatten(1)))


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("features", [0.0, 2.0])
def test_the_parts_are_weighed(weight: float, features: float, answers: Answers) -> None:
    logits = torch.tensor([[0.5, 0.0, -1.0], [0.0, 2.0, 0.0]])
    seen, own = torch.rand(2, 7), torch.tensor(1.25)
    asked = batch([1, 3], [0, 1])
    taught, taught_features = answers.of(asked)
    assert taught_features is not None
    expected = (1 - weight) * own + weight * soft_cross_entropy(logits, taught, 2.0)
    expected = expected + features * similarity_loss(seen, taught_features)
    found = lesson(answers, weight=weight, features=features).loss(own, logits, seen, asked)
    assert float(found) == pytest.approx(float(expected), rel=1e-6)


def test_without_the_teachers_features_only_its_logits_count(answers: Answers) -> None:
    alone = Answers(answers.logits)
    asked, own = batch([0, 1], [0, 0]), torch.tensor(1.0)
    values: list[Tensor] = [torch.zeros(2, 3), torch.rand(2, 7)]
    assert torch.equal(
        lesson(alone, features=1.0).loss(own, *values, asked),
        lesson(answers, features=0.0).loss(own, *values, asked),
    )
