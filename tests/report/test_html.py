import dataclasses
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from bitwright.control.converge import iteration_rewards
from bitwright.errors import StoreError
from bitwright.quant.spec import Method, Site
from bitwright.records import Measurement, UnitSpec
from bitwright.report import heatmap, network, progress, tradeoff
from bitwright.report.html import render, write

VOID = {"meta", "br", "rect", "path"}
EVIL = "</script><img src=x onerror=alert(1)>&\"'$study"


class Page(HTMLParser):
    """The elements of a page and its text, checked to be balanced."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def ids(self) -> list[str]:
        return [attrs["id"] for _, attrs in self.elements if attrs.get("id")]


@pytest.fixture(scope="module")
def page(view) -> Page:
    return Page(render(view))


def test_the_metrics_of_a_target_stand_in_every_trials_row(view):
    first, *rest = view.outcomes
    metrics = (*first.metrics, ("energy_uj", Measurement(0.125)))
    changed = dataclasses.replace(first, metrics=metrics)
    page = render(dataclasses.replace(view, outcomes=(changed, *rest)))
    trials = page.partition('id="trials"')[2]
    assert "Energy (µJ)" in trials and "0.125" in trials
    assert "tradeoff-energy-uj" in page


def test_every_part_is_there_and_the_page_is_balanced(page):
    assert page.open == []
    parts = {"tradeoffs", "search", "winner", "sensitivity", "training", "proof", "trials"}
    assert parts | {"environment", "settings"} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_nothing_is_loaded_from_elsewhere(view, page):
    links = [
        value
        for _, attrs in page.elements
        for name, value in attrs.items()
        if name in ("src", "href", "srcset", "data", "action")
    ]
    assert links
    assert all(link.startswith("#") for link in links)
    policy = next(attrs for _, attrs in page.elements if "http-equiv" in attrs)
    assert policy["content"].startswith("default-src 'none'")
    assert render(view).count("* plotly.js v") == 1


def test_the_same_study_gives_the_same_bytes(view):
    shuffled = dataclasses.replace(view, outcomes=view.outcomes[::-1])
    assert render(view) == render(shuffled)


def test_numbers_and_words_of_the_study(view, page):
    assert f"{100 * view.final.test_accuracy:.2f} % test accuracy in" in page.text
    assert "the reward converged" in page.text
    assert "differ from integer reference" in page.text
    assert "packed size 61.2 kB is over the limit" in page.text
    assert "Traceback (most recent call last)" in page.text
    assert "<16 kB & more" in page.text
    assert all(line in page.text for line in view.removed)
    assert all(f"{name} {value}" in page.text for name, value in view.environment)


def test_networks_that_were_trained_to_the_end_are_listed_drawn_and_proved(view, several):
    page = Page(render(several))
    assert page.open == [] and "finalists" in page.ids
    assert "finalists" not in Page(render(view)).ids
    _, _, table = page.text.partition("of those that keep to the limits")
    table = table.partition("Sensitivity")[0]
    assert table.count("\N{BLACK STAR}") == 1
    assert f"trial {view.final.trial} \N{BLACK STAR}" in table
    assert "trial 21 " in table and "trial 22 " in table
    proof = page.text.partition("How the exported integer model was checked")[2]
    assert "winner trial 21 trial 22 8-bit baseline" in " ".join(proof.split())[:200]
    drawn = [
        trace
        for plot in tradeoff.tradeoffs(several)
        for trace in plot.data
        if trace["name"] == "trained to the end"
    ]
    assert drawn and all(len(trace["x"]) == 2 for trace in drawn)
    nobody = dataclasses.replace(several, final=None)  # until all of them are trained
    text = Page(render(nobody)).text.partition("of those that keep to the limits")[2]
    assert "\N{BLACK STAR}" not in text.partition("Sensitivity")[0]
    curves = [trace["name"] for trace in progress.training(several)[0].data]
    assert curves[:3] == ["trial 21", "trial 22", view.final.label]


def test_text_of_users_is_escaped_everywhere(view):
    unit = UnitSpec(EVIL, EVIL, (("width", 8), (EVIL, EVIL)))
    policy = ((Site(EVIL, "weight"), Method("lsq", 4, per_channel=True)),)
    final = dataclasses.replace(
        view.final,
        label=EVIL,
        units=(unit,),
        policy=policy,
        model=EVIL,
        proof=((EVIL, EVIL),),
    )
    hostile = dataclasses.replace(
        view,
        study=EVIL,
        outcomes=tuple(
            dataclasses.replace(outcome, units=(unit,), reason=EVIL, traceback=EVIL)
            for outcome in view.outcomes
        ),
        final=final,
        pareto=(final,),
        baseline=dataclasses.replace(view.baseline, label=EVIL),
        sensitivity=tuple(
            dataclasses.replace(row, unit=EVIL, method=EVIL, reason=EVIL)
            for row in view.sensitivity
        ),
        removed=(EVIL,),
        environment=((EVIL, EVIL),),
        settings=EVIL,
    )
    page = Page(render(hostile))
    tags = [tag for tag, _ in page.elements]
    assert page.open == []
    assert "img" not in tags
    assert tags.count("script") == 2
    assert EVIL in page.text


def test_a_study_without_anything_still_has_a_page(empty):
    page = Page(render(empty))
    assert page.open == []
    assert "No network was completed 0 trials; the search is" in page.text
    assert "still running" in page.text


def test_a_study_that_only_failed_says_why(broken):
    page = Page(render(broken))
    assert "No network was completed 2 trials: 2 failed; the user stopped it." in page.text
    assert "RuntimeError: shape" in page.text
    assert "tradeoffs" not in page.ids
    assert "reward" in page.ids


def test_without_a_final_network_the_best_trial_is_shown(view):
    page = Page(
        render(dataclasses.replace(view, final=None, baseline=None, sensitivity=(), removed=()))
    )
    assert f"{100 * view.best.accuracy:.2f} % held-out accuracy in" in page.text
    assert "winner" in page.ids
    assert "sensitivity" not in page.ids


def test_an_axis_nobody_measured_is_left_out(view):
    without = tuple(
        dataclasses.replace(
            outcome, metrics=tuple(pair for pair in outcome.metrics if pair[0] != "latency_ms")
        )
        for outcome in view.outcomes
    )
    bare = dataclasses.replace(
        view,
        outcomes=without,
        best=None,
        final=dataclasses.replace(view.final, latency_ms=None),
        baseline=dataclasses.replace(view.baseline, latency_ms=None),
    )
    names = [plot.name for plot in tradeoff.tradeoffs(bare)]
    assert names == ["tradeoff-packed-bytes", "tradeoff-bitops"]


def test_every_plot_is_valid_has_titles_units_and_a_reading(view, broken):
    from plotly.graph_objects import Figure

    plots = [
        *tradeoff.tradeoffs(view),
        *progress.rewards(view),
        *progress.rewards(broken),
        *heatmap.heat_maps(view.sensitivity),
        *progress.training(view),
    ]
    assert len(plots) == 9
    for plot in plots:
        Figure(data=plot.data, layout=plot.layout)  # raises on a property Plotly does not know
        assert plot.title
        assert plot.reading.endswith(".")
        assert plot.layout["xaxis"]["title"]["text"]
        assert plot.layout["yaxis"]["title"]["text"]


def test_the_cost_axis_is_logarithmic_only_over_a_decade(view):
    kinds = {
        plot.name: plot.layout["xaxis"].get("type", "linear") for plot in tradeoff.tradeoffs(view)
    }
    assert kinds["tradeoff-packed-bytes"] == "log"
    assert kinds["tradeoff-latency-ms"] == "linear"


def test_a_front_of_one_trial_is_a_ring_around_it(view):
    best = max(view.outcomes, key=lambda outcome: outcome.metric("accuracy") or 0.0)
    (plot, *_) = tradeoff.tradeoffs(dataclasses.replace(view, outcomes=(best,)))
    ring = next(trace for trace in plot.data if trace["name"] == "Pareto front")
    assert ring["mode"] == "markers" and len(ring["x"]) == 1
    (plot, *_) = tradeoff.tradeoffs(view)
    assert next(t for t in plot.data if t["name"] == "Pareto front")["mode"] == "lines"


def test_the_front_line_rises_and_no_trial_lies_above_it(view):
    plot = tradeoff.tradeoffs(view)[0]
    line = next(trace for trace in plot.data if trace["name"] == "Pareto front")
    cloud = next(trace for trace in plot.data if trace["name"] == "trial")
    assert line["x"] == sorted(line["x"])
    assert line["y"] == sorted(line["y"])
    for x, y in zip(cloud["x"], cloud["y"], strict=True):
        reached = [b for a, b in zip(line["x"], line["y"], strict=True) if a <= x]
        assert y <= max(reached)


def test_refused_trials_lie_under_all_others_with_their_true_reward_in_the_hover(view):
    (plot,) = progress.rewards(view)
    traces = {trace["name"]: trace for trace in plot.data}
    assert set(traces["infeasible"]["y"]) == set(traces["failed"]["y"])
    assert max(traces["infeasible"]["y"]) < min(traces["trial"]["y"])
    assert "reward -0.4000" in traces["infeasible"]["text"][0]
    assert traces["best so far"]["y"][-1] == max(traces["trial"]["y"])
    assert plot.layout["annotations"][0]["text"] == "the reward converged"


def test_an_iteration_is_drawn_with_the_reward_that_convergence_is_judged_by(view):
    (plot,) = progress.rewards(view)
    [line] = [trace for trace in plot.data if trace["name"] == "iteration"]
    complete = [outcome for outcome in view.outcomes if outcome.state == "complete"]
    assert line["y"] == list(iteration_rewards(complete))


def test_the_drawing_names_every_unit_and_colours_it_by_its_bits(view):
    drawing = Page(network.draw(view.final.units, view.final.policy))
    fills = {attrs.get("fill") for tag, attrs in drawing.elements if tag == "rect"}
    for unit in view.final.units:
        assert unit.path in drawing.text
    for _, method in view.final.policy:
        assert network.PALETTE[method.bits - 1] in fills
    assert [tag for tag, _ in drawing.elements].count("g") == len(view.final.units)


def test_write_leaves_one_file(view, tmp_path):
    path = tmp_path / "report.html"
    write(view, path)
    assert path.read_text(encoding="utf-8") == render(view)
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_one_clear_error(view, tmp_path):
    with pytest.raises(StoreError, match=r"report\.html.*No such file.*writable folder"):
        write(view, tmp_path / "missing" / "report.html")


def test_importing_the_report_loads_neither_torch_nor_plotly():
    program = (
        "import sys, bitwright.report.html, bitwright.report.tables, bitwright.report.json_view;"
        "sys.exit(bool({'torch', 'plotly'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the chromium browser")
def test_a_browser_draws_every_plot_without_complaint(view, tmp_path):
    path = tmp_path / "report.html"
    write(view, path)
    options = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
        "--disable-background-networking --disable-component-update --disable-sync "
        "--enable-logging=stderr --virtual-time-budget=8000 --dump-dom"
    )
    done = subprocess.run(
        ["chromium", *options.split(), f"--user-data-dir={tmp_path / 'profile'}", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    body = done.stdout[done.stdout.index("</head>") :]
    assert body.count('class="plot js-plotly-plot"') == 10
    assert "CONSOLE" not in done.stderr


def test_what_was_taken_over_is_listed(view):
    lines = ("3 of 4 trials of 'runs/<old>' are taken over", "not taken over: 1, it has no sums")
    page = render(dataclasses.replace(view, taken_over=lines))
    assert "3 of 4 trials of &#x27;runs/&lt;old&gt;&#x27; are taken over" in page
    assert lines[1] in page and "Taken over" not in render(view)
