"""docs/results.md holds what the transforms' benchmark found, and nothing else."""

import pytest

METHODS = {  # of one width each, as the benchmark pairs them
    ("none", 32): ("none:32", "none:32"),
    ("lsq", 4): ("lsq:4", "lsq:4"),
    ("apot", 4): ("apot:4", "apot:4"),
    ("pact", 4): ("lsq:4", "pact:4"),
    ("binary", 1): ("binary:1", "lsq:1"),
    ("dorefa", 1): ("binary:1", "dorefa:1"),
}
RESULTS = {
    "machine": {"processor": "test"},
    "data": "digits",
    "network": [{"name": "stem", "kinds": "conv", "width": 16, "stride": 2}],
    "budget": {"epochs": 4.0, "images": 1000, "batch": 100, "learning_rate": 0.01},
    "stand_in": "lsq",
    "runs": [
        {
            "transform": name,
            "bits": bits,
            "seed": seed,
            "weights": weights,
            "activations": activations,
            "test_accuracy": 0.9 + 0.01 * seed - 0.001 * at * (seed + 1),
        }
        for at, ((name, bits), (weights, activations)) in enumerate(METHODS.items())
        for seed in (0, 1, 2)
    ],
}


def test_the_committed_block_is_what_the_result_says(script, papers, result):
    page = papers["docs/results.md"].text
    assert script.SECTION.within(page, script.block(result)) == page
    assert script.SECTION.begin in page
    assert script.PICTURE.read_text(encoding="utf-8") == script.draw(result)


def test_losses_are_taken_seed_by_seed(script):
    table = script.Table(RESULTS["runs"])
    mean, spread = table.loss("lsq", 4)
    assert mean == pytest.approx(-0.2)
    assert spread == pytest.approx(0.1 / 3**0.5 * 4.30)
    assert table.cell("lsq", 4) == "90.8 (-0.2 ± 0.2)"
    assert table.cell("ternary", 4) == "", "no such method"
    assert table.cell("ternary", 2) == "not run yet"
    fewer = script.Table([run for run in RESULTS["runs"] if run["seed"] < 2 or run["bits"] != 4])
    assert fewer.cell("lsq", 4) == "not run yet"


def test_the_section_says_what_stood_in_and_whether_the_promise_holds(script):
    section = script.block(RESULTS)
    assert "0.20 ± 0.25 points below full precision with 3 seeds: within the 0.5 points" in section
    assert "activations of `binary` (1)" in section
    assert "weights of `pact` (4)" in section
    assert "`dorefa` (" not in section, "its 1-bit weights are told apart"
    worse = [{**run} for run in RESULTS["runs"]]
    for run in worse:
        run["test_accuracy"] -= 0.01 * (run["transform"] == "lsq")
    assert ": not within the 0.5 points" in script.block({**RESULTS, "runs": worse})


def test_the_promise_is_told_with_more_seeds_too_and_the_table_keeps_to_its_own(script):
    more = [
        {**run, "seed": seed, "test_accuracy": run["test_accuracy"] - 0.02 * (at == 1)}
        for at, run in enumerate(RESULTS["runs"][0:4:3])
        for seed in range(3, 10)
    ]
    section = script.block({**RESULTS, "runs": RESULTS["runs"] + more})
    assert "with 3 seeds: within" in section
    assert "points below full precision with 10 seeds: not within" in section
    assert "| `lsq` |  | 90.8 (-0.2 ± 0.2) |" in section.replace("not run yet", "")
    assert ", 3 seeds." in section


def test_the_picture_has_a_mark_for_every_method_and_one_in_the_legend(script):
    picture = script.draw(RESULTS)
    assert picture.count("translate(") == len(METHODS) - 1 + len(script.LINES)
    assert "full precision" in picture
