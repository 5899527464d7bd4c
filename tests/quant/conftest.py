"""What these tests switch for the whole process is switched back."""

from collections.abc import Iterator

import pytest
import torch

from bitwright.quant.fake import use_fused


@pytest.fixture(autouse=True)
def compiled_again() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    use_fused(True)
    torch.set_num_threads(threads)
