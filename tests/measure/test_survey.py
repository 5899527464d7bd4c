"""Random candidates of a space, with what they cost."""

import numpy as np
import pytest

from bitwright.config import SpaceConfig, StageConfig
from bitwright.errors import SpaceError
from bitwright.measure import survey as module
from bitwright.measure.cost import costs
from bitwright.measure.survey import survey
from bitwright.quant.spec import Method
from bitwright.space.joint import JointSpace, MethodSpace, expand
from bitwright.space.templates import stages_of

METHODS = MethodSpace(
    (Method.parse("lsq:2"), Method.parse("lsq:8")), (Method.parse("lsq:8", "activation"),)
)


def tiny() -> JointSpace:
    stages = stages_of(SpaceConfig(template="tiny"))
    return JointSpace(stages, METHODS, input_shape=(1, 8, 8), classes=10)


def test_every_candidate_is_one_of_the_space_with_its_own_costs():
    found = survey(tiny(), 20, np.random.default_rng(0))
    assert len(found) == 20
    for candidate in found:
        assert candidate.costs == costs(expand(candidate.blueprint))
    assert len({candidate.costs["macs"] for candidate in found}) > 10


def test_one_generator_gives_one_survey():
    first, again = (survey(tiny(), 5, np.random.default_rng(3)) for _ in range(2))
    assert first == again
    assert first != survey(tiny(), 5, np.random.default_rng(4))


def test_dead_ends_are_drawn_again(monkeypatch):
    """With a stride of 4 on an 8x8 map, a second pooling by 4 finds too small a map."""
    pools = [
        StageConfig(name=name, kinds=("max_pool",), stride=(2, 4), depth=(1,))
        for name in ("a", "b")
    ]
    space = JointSpace(tuple(pools), METHODS, input_shape=(1, 8, 8), classes=10)
    assert len(survey(space, 20, np.random.default_rng(0))) == 20
    monkeypatch.setattr(module, "TRIES", 1)
    with pytest.raises(SpaceError, match="none of 1 random candidates"):
        survey(space, 20, np.random.default_rng(0))
