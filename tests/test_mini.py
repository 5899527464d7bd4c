"""The method in 200 lines stays within 200 lines, runs in a minute, and finds a good network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

MINI = Path(__file__).parent.parent / "examples" / "mini.py"


def test_mini_is_short_and_names_every_step_of_the_method():
    text = MINI.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    assert {f"M{step}" for step in range(1, 8)} <= set(re.findall(r"M\d", text))


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_mini_searches_and_prints_a_good_winner():
    done = subprocess.run(
        [sys.executable, "-W", "error", str(MINI)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *_, unit, last = done.stdout.splitlines()
    assert unit.startswith("Unit(kernel=")
    found = re.fullmatch(r"winner: test accuracy ([\d.]+), (\d+) bytes", last)
    assert found is not None, last
    assert float(found[1]) > 0.9
    assert int(found[2]) < 10_000
