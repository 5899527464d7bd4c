import dataclasses

import pytest

from bitwright.metrics import ACCURACY, LATENCY, MACS, PACKED, TIMES
from bitwright.quant.spec import Method, Site
from bitwright.records import Genome, UnitSpec
from bitwright.report import wording
from bitwright.study.view import Entry, TeacherEntry

X = TIMES
UNITS = (
    UnitSpec("stem", "conv", (("width", 16), ("kernel", 3), ("stride", 1))),
    UnitSpec(
        "body/0",
        "inverted_bottleneck",
        (("width", 32), ("kernel", 5), ("stride", 2), ("expansion", 3), ("squeeze_excite", 1)),
    ),
    UnitSpec("body/1", "max_pool", (("stride", 2),)),
    UnitSpec("head", "classifier", (("width", 10),)),
)
POLICY = (
    (Site("stem", "weight"), Method("lsq", 8, per_channel=True)),
    (Site("stem", "activation"), Method("lsq", 4, per_channel=False)),
    (Site("body/0", "weight"), Method("power_of_two", 3, per_channel=True)),
    (Site("body/0", "activation"), Method("lsq", 4, per_channel=False)),
    (Site("head", "weight"), Method("none", 32, per_channel=False)),
)


def test_structure_and_bits_are_short():
    assert wording.structure(UNITS) == "c3:16 i5:32/2 max/2 out"
    assert wording.bits(UNITS, POLICY) == "w83f a44"


def test_a_unit_in_words_leaves_out_what_it_has_not():
    assert wording.unit_words(UNITS[1]) == (
        f"inverted bottleneck 5{X}5",
        "width 32, stride 2, expansion 3, squeeze-excite",
    )
    plain = UnitSpec("a", "inverted_bottleneck", (("expansion", 2), ("squeeze_excite", 0)))
    assert wording.unit_words(plain)[1] == "expansion 2"
    assert wording.unit_words(UNITS[0])[1] == "width 16"


def test_a_method_is_shown_without_the_grain_its_role_has_anyway():
    assert wording.short_method("lsq:4:channel", "weight") == "lsq:4"
    assert wording.short_method("lsq:4:channel", "activation") == "lsq:4:channel"
    assert Method.parse(wording.short_method("lsq:4:channel", "weight"), "weight").per_channel


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        (PACKED, 14_260, "14.3 kB"),
        (ACCURACY, 0.9123, "91.23 %"),
        (LATENCY, 0.2314, "0.231 ms"),
        (MACS, 12_540_000, "12.54 M"),
        (PACKED, None, "-"),
        (PACKED, float("nan"), "-"),
    ],
)
def test_metrics_are_shown_in_honest_units(metric, value, text):
    assert metric.show(value) == text


def test_a_timed_metric_is_told_with_its_spread():
    entry = Entry("winner", Genome("s"), (), (), latency_ms=0.0853, latency_spread_ms=0.0021)
    assert LATENCY.tell(entry) == "0.085 ± 0.002 ms"
    assert LATENCY.tell(dataclasses.replace(entry, latency_spread_ms=None)) == "0.085 ms"
    assert LATENCY.tell(dataclasses.replace(entry, latency_ms=None)) == "-"
    assert PACKED.tell(dataclasses.replace(entry, packed_bytes=14_260)) == "14.3 kB"
    assert LATENCY.tell(None) == "-"


def test_comparisons_are_in_words():
    assert PACKED.compare(10_000, 80_000) == f"8.0{X} smaller"
    assert LATENCY.compare(0.3, 0.2) == f"1.50{X} slower"
    assert MACS.compare(5e6, 5e6) == "same"
    assert ACCURACY.compare(0.9, 0.912) == "-1.20 points"
    assert PACKED.compare(None, 1) == PACKED.compare(0, 10) == "-"
    assert PACKED.ratio(20_000, 80_000) == f"0.25{X}"
    assert PACKED.ratio(1, 0) == "-"


def test_what_is_known_by_its_import_path_goes_by_its_own_name():
    own = UnitSpec("body/0", "mine.units:SQUEEZED", (("width", 8), ("kernel", 3)))
    assert wording.structure([own]) == "SQUEEZED3:8"
    assert wording.unit_words(own)[0] == f"SQUEEZED 3{X}3"
    method = Method.parse("mine.transforms:Quantile:4")
    assert wording.method_words(method) == "4-bit Quantile, per channel"


def test_a_teacher_is_told_in_one_line():
    own = TeacherEntry("study", 0.931, UNITS, spent_seconds=64.4)
    assert wording.teacher(own) == (
        "teacher: the study's own network, c3:16 i5:32/2 max/2 out; 93.10 % held out; "
        "64 s to prepare"
    )
    file = TeacherEntry("other.onnx", 0.95, spent_seconds=2)
    assert wording.teacher(file) == "teacher: other.onnx; 95.00 % held out; 2 s to prepare"
