"""The machine that a benchmark ran on: stands in every result file."""

import os
import platform

import torch

from bitwright import __version__, processor


def machine() -> dict[str, str]:
    """Processor, cores, versions."""
    return {
        "processor": processor.name(),
        "cores": str(os.cpu_count()),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "bitwright": __version__,
    }
