"""What is stored of a study beside its trials comes back as it was."""

import dataclasses
import json

from bitwright.quant.spec import Method, Site
from bitwright.records import Genome, UnitSpec
from bitwright.study.documents import entry_from_json, entry_to_json, rows_from_json, rows_to_json
from bitwright.study.view import Entry, SensitivityRow

ENTRY = Entry(
    "winner",
    Genome("space", (("stem/width", 8), ("stem/0/weight", "lsq:4:channel"))),
    ((Site("stem/0", "weight"), Method.parse("lsq:4")),),
    (UnitSpec("stem/0", "conv", (("width", 8), ("stride", 1), ("kernel", 3))),),
    reward=0.1,
    accuracy=0.2,
    test_accuracy=0.3,
    latency_ms=0.4,
    packed_bytes=5.0,
    file_bytes=6.0,
    macs=7.0,
    bitops=8.0,
    peak_activation_bytes=9.0,
    model="model.onnx",
    trial=10,
    curve=((1.0, 2.3, None), (2.0, 1.1, 0.5)),
    proof=(("images", "359"), ("differ_from_trained", "0.000 %")),
    others=(("instructions", 11.0),),
)
ROW = SensitivityRow(
    "conv", "weight", "lsq:2:channel", 0.5, 0.1, -0.2, 0.4, False, "loss 0.400 is over 0.1"
)


def test_an_entry_comes_back() -> None:
    assert entry_from_json(json.loads(json.dumps(entry_to_json(ENTRY)))) == ENTRY


def test_an_entry_of_which_little_is_known_comes_back() -> None:
    bare = Entry("8-bit baseline", Genome("baseline"), (), ())
    assert entry_from_json(json.loads(json.dumps(entry_to_json(bare)))) == bare


def test_an_entry_of_an_older_version_comes_back() -> None:
    stored = json.loads(json.dumps(entry_to_json(ENTRY)))
    del stored["others"]
    assert entry_from_json(stored) == dataclasses.replace(ENTRY, others=())


def test_rows_come_back() -> None:
    assert rows_from_json(json.loads(json.dumps(rows_to_json((ROW, ROW))))) == (ROW, ROW)
