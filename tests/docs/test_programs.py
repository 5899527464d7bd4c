"""What a reader is told to type works, in the order in which it stands."""

import json

import pytest


@pytest.mark.slow
def test_readme_can_be_followed(papers, run_block, tmp_path):
    blocks = [block for block in papers["README.md"].blocks("sh", "python") if block.runs]
    printed = {block.text: run_block(block) for block in blocks}
    assert any("examples/digits.yaml" in text for text in printed)
    as_json = next(out for text, out in printed.items() if "--json" in text)
    found = json.loads(as_json)
    assert found["state"] == "finished"
    assert (tmp_path / "runs/quick" / found["final"]["model"]).is_file()


def test_only_the_long_commands_of_the_readme_are_left_out(papers):
    blocks = papers["README.md"].blocks("sh", "python")
    left_out = [block.text for block in blocks if not block.runs]
    assert len(left_out) == 1
    assert all(line.startswith("make ") for line in left_out[0].splitlines())


def test_data_blocks_run_and_make_a_data_set(papers, run_block, tmp_path):
    from bitwright.tasks.data.load import load

    for block in papers["docs/data.md"].blocks("sh", "python"):
        run_block(block)
    assert load(str(tmp_path / "mine.npz")).classes == ("0", "1", "2")


def test_every_other_page_has_nothing_to_run(papers):
    ours = {"README.md", "docs/data.md", "docs/extending.md"}  # the last: tests/test_plugin.py
    for name, paper in papers.items():
        assert name in ours or not paper.blocks("sh", "python"), f"no test runs {name}'s blocks"
