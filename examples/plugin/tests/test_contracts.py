"""Everything that the distribution brings keeps Bitwright's contracts."""

from pathlib import Path
from typing import Any

import pytest

from bitwright.config import DataConfig
from bitwright.testing import (
    controllers,
    evaluators,
    rewards,
    targets,
    tasks,
    transforms,
    units,
)
from bitwright_example.controllers import HillClimber
from bitwright_example.evaluators import EarlyLook
from bitwright_example.rewards import harmonic
from bitwright_example.targets import FourAndEight
from bitwright_example.tasks import BalancedImages
from bitwright_example.transforms import Quantile
from bitwright_example.units import SQUEEZED


@pytest.mark.parametrize("check", units.CHECKS)
def test_the_unit(check: Any) -> None:
    check(SQUEEZED)


@pytest.mark.parametrize("check", transforms.CHECKS)
def test_the_transform(check: Any) -> None:
    check(Quantile())


@pytest.mark.parametrize("check", controllers.CHECKS)
def test_the_controller(check: Any) -> None:
    check(lambda space, seed: HillClimber.make(space, {}, seed=seed))


@pytest.mark.parametrize("check", tasks.CHECKS)
def test_the_task(check: Any) -> None:
    check(lambda seed: BalancedImages.make(DataConfig(name="digits"), seed=seed))


@pytest.mark.parametrize("check", targets.CHECKS)
def test_the_target(check: Any) -> None:
    check(FourAndEight())


@pytest.mark.parametrize("check", rewards.CHECKS)
def test_the_reward(check: Any) -> None:
    check(harmonic)


@pytest.mark.parametrize("check", evaluators.CHECKS)
def test_the_evaluator(check: Any, tmp_path: Path) -> None:
    check(EarlyLook, tmp_path)
