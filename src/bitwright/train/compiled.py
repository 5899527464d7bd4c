"""How much compiled code oneDNN keeps: enough for one network, not for all that a search tries.

torch's convolutions run in oneDNN, which compiles code for every shape that it meets and keeps
1,024 of such primitives: a search over many shapes grows by some 25 MB until they are full.
"""

import os
from collections.abc import Iterable

from bitwright.config import StageConfig

CAPACITY = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"  # read when a process computes its first convolution
PER_UNIT = 20  # a unit needs up to 14 to train and be judged; with fewer, steps take twice as long
MOST = 1024  # oneDNN's own


def bound_kernels(stages: Iterable[StageConfig]) -> None:
    """Sets the capacity for this process and those it starts, unless the user has set one."""
    units = 1 + sum(max(stage.depth) for stage in stages)
    os.environ.setdefault(CAPACITY, str(min(MOST, PER_UNIT * units)))
