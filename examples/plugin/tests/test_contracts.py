"""Everything that the distribution brings keeps Bitwright's contracts."""

from pathlib import Path
from typing import Any

import pytest

from bitwright.config import DataConfig
from bitwright.testing.controllers import CHECKS as CONTROLLER_CHECKS
from bitwright.testing.evaluators import CHECKS as EVALUATOR_CHECKS
from bitwright.testing.rewards import CHECKS as REWARD_CHECKS
from bitwright.testing.screens import CHECKS as SCREEN_CHECKS
from bitwright.testing.targets import CHECKS as TARGET_CHECKS
from bitwright.testing.tasks import CHECKS as TASK_CHECKS
from bitwright.testing.transforms import CHECKS as TRANSFORM_CHECKS
from bitwright.testing.units import CHECKS as UNIT_CHECKS
from bitwright_example.controllers import HillClimber
from bitwright_example.evaluators import EarlyLook
from bitwright_example.rewards import harmonic
from bitwright_example.screens import Neighbours
from bitwright_example.targets import FourAndEight
from bitwright_example.tasks import BalancedImages
from bitwright_example.transforms import Quantile
from bitwright_example.units import SQUEEZED


@pytest.mark.parametrize("check", UNIT_CHECKS)
def test_the_unit(check: Any) -> None:
    check(SQUEEZED)


@pytest.mark.parametrize("check", TRANSFORM_CHECKS)
def test_the_transform(check: Any) -> None:
    check(Quantile())


@pytest.mark.parametrize("check", CONTROLLER_CHECKS)
def test_the_controller(check: Any) -> None:
    check(lambda space, seed: HillClimber.make(space, {}, seed=seed))


@pytest.mark.parametrize("check", TASK_CHECKS)
def test_the_task(check: Any) -> None:
    check(lambda seed: BalancedImages.make(DataConfig(name="digits"), seed=seed))


@pytest.mark.parametrize("check", TARGET_CHECKS)
def test_the_target(check: Any) -> None:
    check(FourAndEight())


@pytest.mark.parametrize("check", REWARD_CHECKS)
def test_the_reward(check: Any) -> None:
    check(harmonic)


@pytest.mark.parametrize("check", EVALUATOR_CHECKS)
def test_the_evaluator(check: Any, tmp_path: Path) -> None:
    check(EarlyLook, tmp_path)


@pytest.mark.parametrize("check", SCREEN_CHECKS)
def test_the_screen(check: Any, tmp_path: Path) -> None:
    check(Neighbours.make, tmp_path)
