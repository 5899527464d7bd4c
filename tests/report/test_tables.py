import dataclasses
import io

import pytest
from rich.console import Console

from bitwright.metrics import TIMES
from bitwright.report import tables


def shown(renderable, width: int) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(renderable)
    return console.export_text()


@pytest.fixture(params=[80, 120])
def width(request) -> int:
    return request.param


def test_comparison_holds_winner_baseline_and_ratio(view, width):
    text = shown(tables.comparison(view), width)
    line = next(line for line in text.splitlines() if "Packed size" in line)
    ratio = view.final.packed_bytes / view.baseline.packed_bytes
    assert f"{view.final.packed_bytes / 1000:.1f} kB" in line
    assert "78.4 kB" in line
    assert f"{ratio:.2f}{TIMES}" in line
    assert f"{1 / ratio:.1f}{TIMES} smaller" in line
    assert "…" not in text


def test_comparison_without_a_baseline_and_without_anything(view, empty, width):
    text = shown(tables.comparison(dataclasses.replace(view, baseline=None)), width)
    assert "winner is" not in text
    assert f"{100 * view.final.test_accuracy:.2f} %" in text
    assert "Packed" not in shown(tables.comparison(empty), width)


def test_finalists_stand_in_their_order_and_fit(several, width):
    text = shown(tables.finalists(several), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    rows = [line.split() for line in text.splitlines()[3:] if line.strip()]
    listed = [row[0] for row in rows if row[0] in {str(one.trial) for one in several.finalists}]
    assert listed == [str(entry.trial) for entry in several.finalists]
    assert f"{100 * several.finalists[1].accuracy:.2f}" in text
    styles = [row.style for row in tables.finalists(several).rows]
    assert styles == ["bold", None, None]
    alone = dataclasses.replace(several, final=None)
    assert [row.style for row in tables.finalists(alone).rows] == [None] * 3
    assert f"{several.final.packed_bytes / 1000:.1f}" in text


def test_metrics_nobody_measured_are_left_out(view, width):
    bare = dataclasses.replace(
        view,
        final=dataclasses.replace(view.final, latency_ms=None),
        baseline=dataclasses.replace(view.baseline, latency_ms=None),
    )
    assert "Latency" not in shown(tables.comparison(bare), width)


def test_trials_show_numbers_structure_bits_and_reasons(view, width):
    text = shown(tables.trials(view.outcomes[:8], best=2), width)
    words = " ".join(text.split())
    assert "w338838 a844348" in words
    assert "is over the" in words
    assert "failed" in words
    assert "RuntimeError" in words
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width


def test_user_text_is_not_read_as_markup(view, width):
    odd = dataclasses.replace(view.outcomes[3], reason="[bold]limit[/nonsense]")
    assert "[bold]limit[/nonsense]" in " ".join(shown(tables.trials([odd]), width).split())


def test_sensitivity_grid_marks_what_was_filtered_out(view, width):
    text = shown(tables.sensitivity(view.sensitivity, view.removed), width)
    dropped = next(row for row in view.sensitivity if not row.kept)
    assert f"{100 * dropped.loss:+.1f} x" in text
    assert "Removed from the space" in text
    assert view.removed[0] in " ".join(text.split())
    assert "…" not in text


def test_sensitivity_that_was_not_measured(width):
    assert "No sensitivity was measured." in shown(tables.sensitivity(()), width)


def test_units_table_names_every_method(view, width):
    text = shown(tables.units(view.final), width)
    for unit in view.final.units:
        assert unit.path in text
    for site, method in view.final.policy:
        assert f"{method.transform}:{method.bits}" in text, site


def test_the_proof_tells_every_check_whole(view, width):
    entry = dataclasses.replace(
        view.final,
        proof=(("differ_from_trained", "0.010 %"), ("file_sha256", "0123456789abcdef" * 4)),
    )
    text = shown(tables.proof(entry), width)
    assert "Proof of winner" in text and "differ from trained" in text and "0.010 %" in text
    assert "0123456789abcdef" * 4 in "".join(text.split())
    assert "…" not in text
