"""How sure a mean is that comes from a few seeds."""

import math
import statistics
from collections.abc import Sequence

T_95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""Student's t, two-sided 95 %, by degrees of freedom."""


def half_interval(values: Sequence[float]) -> float:
    """Half of the 95 % interval of the mean of 2 to 10 values."""
    return T_95[len(values) - 1] * statistics.stdev(values) / math.sqrt(len(values))
