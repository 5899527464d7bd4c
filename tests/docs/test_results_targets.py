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
    for name, one in result["winners"].items():
        assert set(one["measured"]) == set(result["matrix"][name]) == names
        assert result["matrix"][name][name] == 1
    assert len({json.dumps(one["policy"]) for one in result["winners"].values()}) == len(names)


def test_the_verdict_follows_the_matrix(script, result):
    names = list(result["matrix"])
    won, lost = (copy.deepcopy(result) for _ in range(2))
    for name in names:
        for other in names:
            share = 1.0 if name == other else 0.9
            won["matrix"][name][other] = lost["matrix"][name][other] = share
    told = script.block(won)
    assert "On every target its own winner comes first; the closest other comes to 0.900." in told
    lost["matrix"][names[0]][names[1]] = 1.02
    told = script.block(lost)
    assert f"On {len(names) - 1} of {len(names)} targets its own winner comes first." in told
    assert f"another target does as well or better on `{names[1]}` (to 1.020)" in told
    lost["matrix"][names[0]][names[1]] = None
    assert "On every target its own winner comes first;" in script.block(lost)
    assert "| - |" in script.block(lost)
