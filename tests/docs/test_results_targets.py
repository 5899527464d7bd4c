"""What the page says of the search's answer to its target is what the committed result says."""

import copy
import json


def test_the_committed_block_is_what_the_result_says(script, papers, result):
    page = papers["docs/targets.md"].text
    assert script.SECTION.within(page, script.block(result)) == page
    assert script.SECTION.begin in page


def test_every_winner_is_measured_on_every_target(result):
    names = set(result["winners"])
    assert {"npu:bit-fusion", "npu:edge-8-4", "npu:int8"} <= names
    for name, found in result["winners"].items():
        assert set(result["matrix"][name]) == names
        assert result["matrix"][name][name]["mean"] == 1
        for one in found.values():
            assert set(one["measured"]) == names
    structures = {json.dumps(found["0"]["policy"]) for found in result["winners"].values()}
    assert len(structures) == len(names)


def test_the_verdict_follows_the_matrix(script, result):
    names = list(result["matrix"])
    won, lost = (copy.deepcopy(result) for _ in range(2))
    for name in names:
        for other in names:
            cell = {"mean": 1.0 if name == other else 0.9, "half_interval": 0.01}
            won["matrix"][name][other] = lost["matrix"][name][other] = cell
    told = script.block(won)
    assert "On every target its own winners come first; the closest others" in told
    assert "which come to 0.9000." in told
    assert "| 0.9000 ± 0.0100 |" in told
    lost["matrix"][names[0]][names[1]] = {"mean": 1.02, "half_interval": None}
    told = script.block(lost)
    assert f"On {len(names) - 1} of {len(names)} targets its own winners come first." in told
    assert f"better on `{names[1]}` (1.0200, those for `{names[0]}`)." in told
    lost["matrix"][names[0]][names[1]] = None
    assert "On every target its own winners come first;" in script.block(lost)
    assert "| - |" in script.block(lost)
