"""The built-in task keeps the contract that is published for users' own; broken ones do not."""

import dataclasses

import numpy as np
import pytest

from bitwright.config import AugmentConfig, DataConfig
from bitwright.tasks.image_classification import ImageClassification
from bitwright.testing.tasks import CHECKS


def digits(seed):
    return ImageClassification.make(DataConfig(name="digits"), seed=seed)


@pytest.mark.parametrize("check", CHECKS)
def test_image_classification_keeps_it(check):
    check(digits)


class Boastful(ImageClassification):
    def score(self, outputs, targets):
        return 100 * super().score(outputs, targets)


class Forgetful(ImageClassification):
    def loss(self, outputs, targets, budget):
        return 0 * super().loss(outputs, targets, budget)


class Moody(ImageClassification):
    def __init__(self, images, settings, *, seed):
        super().__init__(images, settings, seed=np.random.randint(1 << 30))


class Unscaled(ImageClassification):
    def __init__(self, images, settings, *, seed):
        super().__init__(images, settings, seed=seed)
        held = dataclasses.replace(self.data.held, inputs=self.data.held.inputs / 255)
        self.data = dataclasses.replace(self.data, held=held)


class Contrary(ImageClassification):
    def imitation(self):
        soft = super().imitation()
        return lambda outputs, taught, temperature: -soft(outputs, taught, temperature)


class Stubborn(ImageClassification):
    def imitation(self):
        return lambda outputs, taught, temperature: (outputs - taught + 1).square().mean()


class Blind(ImageClassification):
    def __init__(self, images, settings, *, seed):
        super().__init__(images, settings, seed=seed)
        self.augment = AugmentConfig(flip=True)

    def views(self, inputs):
        return (inputs,)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Boastful, "is not between 0 and 1"),
        (Forgetful, "the loss teaches nothing"),
        (Moody, "'train' was drawn anew"),
        (Contrary, "to answer otherwise than the teacher costs nothing"),
        (Stubborn, "is still corrected"),
        (Blind, "a batch has a view that no teacher is asked about"),
        (Unscaled, "'held' has inputs of float64"),
    ],
)
def test_a_task_that_breaks_it_is_told(kind, said):
    with pytest.raises(AssertionError, match=said):
        for check in CHECKS:
            check(lambda seed: kind.make(DataConfig(name="digits"), seed=seed))
