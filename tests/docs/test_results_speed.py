"""The speed section of results.md holds what the committed results say, and nothing else."""

SPREAD = {"median": 0.5, "quartiles": [0.4, 0.612]}
MACHINE = {"processor": "test", "threads": "2", "torch": "2", "onnxruntime": "1"}
STEP = {
    "step": {
        "network": "a network",
        "machine": MACHINE,
        "brevitas": "not run",
        "candidates_train_in": "bfloat16",
        "rounds": 3,
        "ms_per_step": {"plain": 100.04, "quantized": 50.0},
        "ratios": {"one to the other": SPREAD},
    },
    "accuracy": {
        "epochs": 5,
        "data": "some images",
        "fast_trains_in": "bfloat16",
        "mean_accuracy": {"fast": 0.5123, "exact": 0.5},
        "fast_minus_exact_points": {"mean": 1.23, "interval_95": [-0.5, 2.96]},
    },
}
LATENCY = {
    "machine": {**MACHINE, "threads": "1"},
    "rounds": 3,
    "networks": {
        "small": {
            "macs": 1_250_000,
            "ms": {"float32": 0.1234},
            "float_layers": {"w8a8": ["stem"], "w4a4": []},
            "speedup_over_float32": {"w8a8": SPREAD, "w4a4": {**SPREAD, "median": 1.756}},
        }
    },
}


def test_the_committed_section_is_what_the_results_say(script):
    text = script.block(script.found(script.STEP), script.found(script.LATENCY))
    assert text in script.SECTION.page.read_text(encoding="utf-8"), "run docs/results_speed.py"


def test_every_number_is_told(script):
    text = script.block(STEP, LATENCY)
    for row in (
        "| plain | 100.0 ms |",
        "| one to the other | 0.50 (0.40 to 0.61) |",
        "| small | 1.2 | 0.123 ms | 0.50x | 1.76x |",
    ):
        assert row in text
    assert "the same as in integers but for small." in text
    assert "slower than its float32 form: missed by small w8a8 (0.50x)." in text
    assert "2 times as fast as in float32: missed, small is 0.50x." in text
    assert "51.23 %" in text
    assert "+1.23 points (95 % interval -0.50 to +2.96)" in text
    assert "has not been run" not in text


def test_what_was_not_run_is_said(script):
    text = script.block({"step": STEP["step"], "accuracy": {"runs": {}}}, {})
    assert text.count("has not been run") == 2
    assert "bench-latency" in text
    assert "bench-qat-step" not in text


def test_the_rest_of_the_page_stays(script):
    section = script.SECTION
    page = f"before\n{section.begin}\nold\n{section.end}\nafter\n"
    assert section.within(page, script.block({}, {})).startswith("before\n" + section.begin)
    assert section.within(page, script.block({}, {})).endswith(section.end + "\nafter\n")
