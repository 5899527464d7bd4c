"""The distillation section of results.md holds what the committed results say, and nothing else."""


def test_the_committed_block_is_what_the_results_say(script, papers):
    page = papers["docs/results.md"].text
    assert script.SECTION.within(page, script.block(script.found())) == page
    assert script.SECTION.begin in page


def test_the_table_tells_every_kind_of_run(script):
    for result in script.found():
        rows = script.block([result]).count("\n| ") - 1
        assert rows == len(result["summary"]) > 0


def test_auto_teaches_only_where_it_was_measured_to_pay(script):
    from bitwright.config.distill import AUTO

    rows = [row for result in script.found() for row in result["summary"] if not row["shift"]]
    lows = {
        budget: [row["interval_95_points"][0] for row in rows if row["budget"] == budget]
        for budget in ("candidate", "final")
    }
    pays = {
        budget: sum(low > 0 for low in found) > len(found) / 2 for budget, found in lows.items()
    }
    expected = "everywhere" if pays["candidate"] else "final"
    assert (expected if pays["final"] else "nowhere") == AUTO
