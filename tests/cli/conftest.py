"""Disks that are small or read-only."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SmallDisk = Callable[..., contextlib.AbstractContextManager[Path]]


def _mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> SmallDisk:
    """Mounts a disk of so many kilobytes for a while; skips the test where that is not allowed."""

    @contextlib.contextmanager
    def mounted(kilobytes: int = 1000, *, read_only: bool = False) -> Iterator[Path]:
        place = tmp_path / "disk"
        place.mkdir()
        options = f"size={kilobytes}k" + (",ro" if read_only else "")
        if os.geteuid() != 0 or not _mount("-t", "tmpfs", "-o", options, "tmpfs", str(place)):
            pytest.skip("a small disk can be mounted only by root; run this test as root once")
        try:
            yield place
        finally:
            subprocess.run(["umount", "--lazy", str(place)], check=True)

    return mounted
