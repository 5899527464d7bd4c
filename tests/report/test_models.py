"""Models side by side: the same numbers in the terminal, in JSON and on the page."""

import io
import json

from rich.console import Console

from bitwright.records import Genome, Measurement
from bitwright.report.models import as_json, notes, render, sheets, terminal
from bitwright.study.view import Entry, ModelView, fields_of


def model(name, accuracy, size, data="digits"):
    found = {
        "packed_bytes": Measurement(size),
        "latency_ms": Measurement(0.5, 0.01),
        "energy_uj": Measurement(size / 1000),
    }
    if accuracy is not None:
        found["test_accuracy"] = Measurement(accuracy)
    entry = Entry(name, Genome(""), (), (), **fields_of(found))
    context = (("processor", "some chip"), ("threads", "1"))
    return ModelView(f"runs/{name}.onnx", "onnxruntime-cpu", entry, context, data, 359)


MODELS = [model("small <b>", 0.9, 8000.0), model("large", 0.95, 20_000.0)]


def test_the_terminal_and_the_page_hold_the_same_tables():
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(terminal(MODELS))
    shown, page = console.export_text(), render(MODELS)
    for sheet in sheets(MODELS):
        assert sheet.title in shown
        for row in sheet.rows:
            for cell in row:
                assert cell in shown
                assert cell in page
    assert "small <b>" in shown and "small <b>" not in page and "small &lt;b&gt;" in page
    assert "0.500 ± 0.010 ms" in shown and "8.000 µJ" in shown


def test_each_cost_that_two_have_is_drawn():
    page = render(MODELS)
    for cost in ("packed-bytes", "latency-ms", "energy-uj"):
        assert f"models-{cost}" in page
    assert "models-flash-bytes" not in page
    assert "models-packed-bytes" not in render([MODELS[0], model("x", None, 1.0)])


def test_json_holds_all_that_was_measured():
    told = as_json(MODELS[0])
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["metrics"] == MODELS[0].entry.measured
    assert told["latency_spread_ms"] == 0.01
    assert (told["model"], told["tested"]) == ("runs/small <b>.onnx", 359)


def test_what_does_not_compare_is_said():
    assert notes(MODELS) == ()
    assert "data sets differ" in notes([*MODELS, model("x", 0.5, 1.0, "mnist")])[0]
    assert "no accuracy is known" in notes([*MODELS, model("x", None, 1.0, None)])[0]
