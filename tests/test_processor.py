"""What is known of this machine's processor, from lists of other machines'."""

import platform
from pathlib import Path

import pytest

from bitwright import processor


def listed(monkeypatch: pytest.MonkeyPatch, path: Path, text: str, machine: str) -> None:
    path.write_text(text)
    monkeypatch.setattr(processor, "CPU_INFO", path)
    monkeypatch.setattr(platform, "machine", lambda: machine)


@pytest.mark.parametrize(
    ("flags", "exact"),
    [("fpu avx2", False), ("fpu avx512f avx512_vnni", True), ("avx2 avx_vnni", True), ("", False)],
)
def test_x86_sums_exactly_with_vnni(
    flags: str, exact: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t\t: {flags}\n\nprocessor\t: 1\n"
    listed(monkeypatch, tmp_path / "cpuinfo", text, "x86_64")
    assert processor.sums_int8_exactly() is exact
    assert processor.name() == "Some CPU @ 2 GHz"


def test_arm_sums_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(monkeypatch, tmp_path / "cpuinfo", "Features\t: fp asimd\n", "aarch64")
    assert processor.sums_int8_exactly()


def test_without_a_list_the_machine_is_named_and_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "CPU_INFO", tmp_path / "none")
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "AMD64")
    assert processor.name() == "AMD64"
    assert not processor.sums_int8_exactly()
