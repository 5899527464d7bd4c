"""What the page says of joint search is what the committed result says."""


def test_the_committed_block_is_what_the_result_says(script, papers, result):
    page = papers["docs/results.md"].text
    assert script.SECTION.within(page, script.block(result)) == page
    assert script.SECTION.begin in page


def test_the_mark_is_held_against_every_way(script, result):
    one = next(iter(result["summary"].values()))
    whole = {**one, "mean": one["wanted"], "seeds": script.SEEDS}
    result["summary"] = {way: dict(whole) for way in script.AGAINST}
    told = script.block(result)
    assert "it is against `uniform-8`, `uniform-4` and `then-bits`. `make" in told
    result["summary"]["uniform-4"]["mean"] = 0.0
    del result["summary"]["then-bits"]
    told = script.block(result)
    assert "it is not against `uniform-4`; against `then-bits` it was not measured yet." in told
    result["summary"]["uniform-4"]["seeds"] = 1
    assert "it is not against `uniform-4`, with 1 of 3 seeds so far; ag" in script.block(result)


def test_the_committed_picture_is_what_the_result_says(script, result):
    assert script.PICTURE.read_text(encoding="utf-8") == script.draw(result)


def test_the_picture_has_a_dot_for_each_network_and_a_line_for_each_way(script, result):
    picture = script.draw(result)
    assert picture.count(f'd="{script.DOT}"') == len(result["runs"])
    ways = {name.split()[0] for name in result["runs"]}
    assert picture.count('stroke-width="1.6"') == len(ways)
    for name in [name for name in result["runs"] if name.startswith("joint-scratch ")]:
        del result["runs"][name]
    alone = script.draw(result)
    assert alone.count(f'd="{script.DOT}"') == len(result["runs"])
    assert alone.count('stroke-width="1.6"') == len(ways) - 1
