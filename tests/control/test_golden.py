"""Golden trajectories: what each controller did when its behaviour was last agreed on.

Rule for updating: see tests/golden/README.md. A resumed study replays its controller, so a change
here means that studies begun with an older version go on differently.
"""

import json
import os
from pathlib import Path

import pytest

from bitwright.control.base import make, picks_to_json
from bitwright.testing.controllers import search
from bitwright.testing.toy_space import ToySpace

GOLDEN = Path(__file__).parent.parent / "golden" / "controllers"
SPACE = ToySpace()
CASES = {
    "random": ("random", {}),
    "evolution": ("evolution", {"population": 8, "tournament": 3}),
    "nsga": ("nsga", {"population": 8}),
    "recurrent": ("recurrent", {"hidden": 16, "exploration": 4}),
    "recurrent-ppo": ("recurrent", {"hidden": 16, "exploration": 4, "algorithm": "ppo"}),
    "optuna-nsgaii": ("optuna:nsgaii", {"sampler": {"population_size": 6}}),
}


def _trajectory(case):
    name, options = CASES[case]
    controller = make(name, SPACE, options, seed=11)
    outcomes = search(controller, SPACE, range(28), seed=11).outcomes
    return {
        "controller": name,
        "options": options,
        "seed": 11,
        "picks": [picks_to_json(outcome.genome) for outcome in outcomes],
    }


@pytest.mark.parametrize("case", CASES)
def test_golden_trajectory(case):
    path = GOLDEN / f"{case}.json"
    trajectory = _trajectory(case)
    if os.environ.get("BITWRIGHT_UPDATE_GOLDEN"):
        lines = ",\n  ".join(json.dumps(picks) for picks in trajectory.pop("picks"))
        head = json.dumps(trajectory)[:-1]
        path.write_text(f'{head}, "picks": [\n  {lines}\n]}}\n', encoding="utf-8")
        pytest.fail(f"{path} was rewritten; look at the difference and run again without updating")
    assert trajectory == json.loads(path.read_text(encoding="utf-8"))
