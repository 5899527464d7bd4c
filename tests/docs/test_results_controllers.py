"""docs/results.md holds what the controllers' benchmark found, and nothing else."""

FOUND = {"seeds": 50, "regret": [0.9, 0.5, 0.0], "low": [0.8, 0.4, 0.0], "high": [1.0, 0.6, 0.0]}
RESULTS = {
    "seeds": 50,
    "options": {name: {} for name in "abcdefg"},
    "evaluations": [50, 100, 200],
    "tables": {
        "one": {
            "title": "structure",
            "contenders": {
                "a": {**FOUND, "found_the_best": 0.5, "p_against_random": None},
                "b": {**FOUND, "found_the_best": 1.0, "p_against_random": 1.2e-9, "seeds": 7},
            },
        }
    },
}


def test_the_committed_block_is_what_the_result_says(script, papers, result):
    page = papers["docs/results.md"].text
    assert script.SECTION.within(page, script.block(result)) == page
    assert script.SECTION.begin in page
    assert script.PICTURE.read_text(encoding="utf-8") == script.draw(result)


def test_a_row_tells_regret_interval_luck_and_missing_seeds(script):
    rows = script.block(RESULTS).splitlines()
    assert "| a | 0.90 | 0.50 | 0.000 (0.000 to 0.000) | 50% |  | 50 |" in rows
    assert "| b | 0.90 | 0.50 | 0.000 (0.000 to 0.000) | 100% | 1e-09 | 7 of 50 |" in rows


def test_the_picture_has_a_band_and_a_line_for_each_and_all_names(script):
    picture = script.draw(RESULTS)
    assert (picture.count("<polygon"), picture.count("<polyline")) == (2, 2)
    assert all(f">{name}</text>" in picture for name in RESULTS["options"])
