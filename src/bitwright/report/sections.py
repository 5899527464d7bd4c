"""The parts of the HTML report in the order they are read, each made from the study's view."""

from collections.abc import Iterable, Sequence
from html import escape

from bitwright.metrics import (
    ACCURACY,
    BITOPS,
    EVERYWHERE,
    LATENCY,
    MACS,
    MISSING,
    PACKED,
    PLUS_MINUS,
    TEST_ACCURACY,
    Metric,
    compared,
    known,
    traded,
)
from bitwright.quant.spec import ROLES, Method
from bitwright.records import Outcome, UnitSpec
from bitwright.report import figure, markup, network, wording
from bitwright.report.agreement import screen_tau
from bitwright.report.figure import Plot
from bitwright.study.view import Entry, StudyView

_LISTED = (ACCURACY, PACKED, LATENCY, MACS, BITOPS)
BLACK_STAR = "\N{BLACK STAR}"
_TILES = (TEST_ACCURACY, PACKED, LATENCY, BITOPS)


def headline(view: StudyView) -> str:
    """The winner in one line, or that there is none."""
    entry = wording.winner(view)
    if entry is None:
        return "No network was completed"
    metric = ACCURACY if entry.test_accuracy is None else TEST_ACCURACY
    accuracy = metric.show(entry.metric(metric.name))
    told = f"{accuracy} {metric.title.lower()}"
    if entry.packed_bytes is not None:
        told += f" in {PACKED.show(entry.packed_bytes)}"
    return escape(told)


def subtitle(view: StudyView) -> str:
    """How the study stands, in one sentence."""
    return escape(f"{wording.tally(view.outcomes)}; {wording.ending(view)}.")


def tiles(view: StudyView) -> str:
    """The winner's four headline numbers, each beside the baseline's."""
    entry = wording.winner(view)
    if entry is None:
        return ""
    cards = []
    for metric in _TILES:
        value = entry.metric(metric.name)
        if value is None:
            continue
        reference = view.baseline.metric(metric.name) if view.baseline else None
        note = ""
        if view.baseline is not None and reference is not None:
            label, shown = escape(view.baseline.label), escape(metric.show(reference))
            note = (
                f"<b>{escape(metric.compare(value, reference))}</b>"
                f"<small>{label}: <i>{shown}</i></small>"
            )
        cards.append(
            f"<li><span>{escape(metric.title)}</span>"
            f"<strong>{escape(metric.show(value))}</strong>{note}</li>"
        )
    return f'<ul class="tiles">{"".join(cards)}</ul>'


def comparison(view: StudyView) -> str:
    """Every metric of the winner beside the baseline."""
    entry, baseline = wording.winner(view), view.baseline
    if entry is None and baseline is None:
        return ""
    header = ["Metric", entry.label if entry else "winner"]
    if baseline:
        header += [baseline.label, "Ratio", "Winner is"]
    rows = []
    for metric in compared([entry, baseline]):
        cells = [metric.title, metric.tell(entry)]
        if baseline:
            value, reference = figure.value(entry, metric), baseline.metric(metric.name)
            cells += [metric.tell(baseline), metric.ratio(value, reference)]
            cells += [metric.compare(value, reference)]
        rows.append([escape(cell) for cell in cells])
    return markup.table(header, rows, "numbers")


def plots(figures: Iterable[Plot], beside: str = "") -> str:
    """Figures side by side where there is room, and what belongs beside them."""
    cells = "".join(map(markup.figure, figures)) + (f"<div>{beside}</div>" if beside else "")
    return f'<div class="plots">{cells}</div>' if cells else ""


def pareto(view: StudyView) -> str:
    """The networks of the study's Pareto set, the most accurate first."""
    if not view.pareto:
        return ""
    shown = [
        metric
        for metric in (ACCURACY, *traded(name for entry in view.pareto for name in entry.measured))
        if any(entry.metric(metric.name) is not None for entry in view.pareto)
    ]
    ranked = sorted(view.pareto, key=lambda entry: -(entry.accuracy or 0.0))
    rows = [
        [escape(cell) for cell in (entry.label, *(m.show(entry.metric(m.name)) for m in shown))]
        for entry in ranked
    ]
    table = markup.table(["Network", *(metric.title for metric in shown)], rows, "numbers")
    return f"<h3>The Pareto set</h3>{table}"


def effort(view: StudyView) -> str:
    """How many trials there were, how they ended and where the time went."""
    if not view.outcomes:
        return ""
    states = [outcome.state for outcome in view.outcomes]
    pairs = [("Iterations", str(len({outcome.iteration for outcome in view.outcomes})))]
    pairs += [(f"Trials {state}", str(states.count(state))) for state in sorted(set(states))]
    if wording.staged(view.outcomes):
        pairs += _stages(view.outcomes)
    pairs.append(("Preset reward", f"{view.initial_reward:g}"))
    spent: dict[str, float] = {}
    for outcome in view.outcomes:
        for part, seconds in outcome.seconds:
            spent[part] = spent.get(part, 0.0) + seconds
    pairs += [(f"Time to {part}", f"{seconds:,.1f} s") for part, seconds in spent.items()]
    tau = screen_tau(view.outcomes)
    if tau is not None:
        pairs.append(("Kendall tau of the screen's estimates", f"{tau:.2f}"))
    pairs.append(("Ending", wording.ending(view)))
    return "<h3>What it took</h3>" + facts(pairs)


def _stages(outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
    """How many trials there were of each stage, the shortest training first."""
    parts = sorted({outcome.fidelity for outcome in outcomes})
    counts = [sum(outcome.fidelity == part for outcome in outcomes) for part in parts]
    return [
        (f"Trials of {100 * part:.3g} % of the budget", str(count))
        for part, count in zip(parts, counts, strict=True)
    ]


def winner(view: StudyView) -> str:
    """The winner drawn unit by unit, beside the same as a table."""
    entry = wording.winner(view)
    if entry is None or not entry.units:
        return ""
    rows = [_unit_row(entry, unit) for unit in entry.units]
    header = ("Unit", "Kind", "Details", "Weights", "Activations")
    reading = markup.paragraph(
        "Data flow from top to bottom. A block is as wide as its unit has channels and carries the "
        "bits of its weights; the band below it is coloured by the bits of its activations. "
        "w: and a: name the methods.",
        "note",
    )
    model = markup.paragraph(f"Model file: {entry.model}", "note") if entry.model else ""
    return (
        f'<div class="winner"><figure>{network.legend()}{network.draw(entry.units, entry.policy)}'
        f"</figure><div>{reading}{markup.table(header, rows, 'units')}{model}</div></div>"
    )


def finalists(view: StudyView) -> str:
    """The networks that got the final training, the highest reward first."""
    if not view.finalists:
        return ""
    usual = (TEST_ACCURACY, *_LISTED)
    metrics = [m for m in compared(view.finalists) if m in usual or m.name not in EVERYWHERE]
    header = ["Network", "Reward", *(metric.title for metric in metrics), "Structure and bits"]
    rows = []
    for entry in view.finalists:
        label = f"{entry.label} {BLACK_STAR}" if wording.is_final(view, entry) else entry.label
        numbers = [metric.show(entry.metric(metric.name)) for metric in metrics]
        rows.append([*map(escape, (label, wording.reward(entry), *numbers)), _shape(entry)])
    reading = (
        "A star marks the network handed over: the highest reward, by held-out accuracy and costs, "
        "of those that keep to the limits. Each lies in finalists/, under its trial's number."
    )
    return markup.paragraph(reading, "note") + markup.table(header, rows, "numbers shapes")


def _unit_row(entry: Entry, unit: UnitSpec) -> list[str]:
    methods = [wording.method_of(entry.policy, unit, role) for role in ROLES]
    cells = [unit.path, *wording.unit_words(unit), *map(_method_words, methods)]
    return [escape(cell) for cell in cells]


def _method_words(method: Method | None) -> str:
    return MISSING if method is None else wording.method_words(method)


def supernet(view: StudyView) -> str:
    """The weights that candidates were cut out of."""
    entry = view.supernet
    if entry is None:
        return ""
    loss = " to ".join(f"{point[1]:.3f}" for point in (entry.curve[0], entry.curve[-1]))
    pairs = [
        ("Epochs", f"{entry.curve[-1][0]:g}"),
        ("Loss of the largest networks", f"{loss}, first epoch to last"),
        ("Time to train it", f"{entry.spent_seconds:,.1f} s"),
    ]
    return facts(tuple(pairs))


def teacher(view: StudyView) -> str:
    """Whom the networks learned from besides the labels."""
    entry = view.teacher
    if entry is None:
        return ""
    pairs = [("Source", wording.teacher_source(entry))]
    if entry.units:
        pairs.append(("Structure", wording.structure(entry.units)))
    pairs += [
        (ACCURACY.title, ACCURACY.show(entry.accuracy)),
        ("Time to prepare it", f"{entry.spent_seconds:,.1f} s"),
    ]
    return facts(pairs)


def taken_over(view: StudyView) -> str:
    """What a study for another target had trained, and why some of it stayed behind."""
    return markup.listing(view.taken_over) if view.taken_over else ""


def removed(view: StudyView) -> str:
    """What the target does not run, and what the sensitivity filter took out; and why."""
    if view.removed:
        return "<h3>Removed from the space before the search</h3>" + markup.listing(view.removed)
    if view.sensitivity:
        return markup.paragraph("The filter removed nothing from the space.")
    return ""


def proof(view: StudyView) -> str:
    """How the exported files were checked against the networks they came from."""
    shown = (wording.winner(view), *wording.others(view), view.baseline)
    entries = [entry for entry in shown if entry and entry.proof]
    if not entries:
        return ""
    facts = list(dict.fromkeys(name for entry in entries for name, _ in entry.proof))
    rows = [
        [
            escape(wording.kind_words(fact)),
            *(escape(dict(entry.proof).get(fact, MISSING)) for entry in entries),
        ]
        for fact in facts
    ]
    note = "How the exported integer model was checked against the network it was made from."
    labels = [entry.label for entry in entries]
    return markup.paragraph(note, "note") + markup.table(["Check", *labels], rows, "numbers proof")


def trials(view: StudyView) -> str:
    """Every trial; those that failed with their reason and traceback."""
    if not view.outcomes:
        return ""
    on_front = {entry.trial for entry in view.pareto}
    best = view.best.trial if view.best else None
    staged = wording.staged(view.outcomes)
    screened = any(outcome.estimate for outcome in view.outcomes)
    header = ["Trial", "Iteration", *(("Epochs", "Goes on from") if staged else ())]
    header += ["State", "Reward", *((f"Estimated accuracy ({ACCURACY.unit})",) if screened else ())]
    listed = _listed(view.outcomes)
    header += [f"{metric.title} ({metric.unit})" for metric in listed]
    header += ["Seconds", "Structure and bits, or the reason"]
    rows = []
    for outcome in view.outcomes:
        number, iteration, state, reward, *rest = _trial_row(outcome, listed, best, on_front)
        stage = _stage_cells(outcome) if staged else ()
        guess = (_estimate_cell(outcome),) if screened else ()
        rows.append([number, iteration, *stage, state, reward, *guess, *rest])
    reading = (
        "Structure: kind, kernel : width / stride. Kinds: c conv, d depthwise separable, "
        "i inverted bottleneck, r residual, fc fully connected, out classifier. Bits unit by unit: "
        "w weights, a activations. A filled diamond marks the Pareto set, a star the best reward."
    )
    return markup.paragraph(reading, "note") + markup.table(header, rows, "numbers trials")


def _listed(outcomes: Iterable[Outcome]) -> tuple[Metric, ...]:
    """The metrics of every trial's row: the usual ones, and those of the study's target."""
    measured = dict.fromkeys(name for outcome in outcomes for name, _ in outcome.metrics)
    return (*_LISTED, *(known(name) for name in measured if name not in EVERYWHERE))


def _stage_cells(outcome: Outcome) -> list[str]:
    return [wording.epochs(outcome), "" if outcome.goes_on is None else str(outcome.goes_on)]


def _estimate_cell(outcome: Outcome) -> str:
    """What the screen expected, with the standard deviation that it gave."""
    guess = outcome.estimate
    if guess is None:
        return MISSING
    mean, spread = ACCURACY.scaled(guess.accuracy), ACCURACY.scaled(guess.spread)
    return f"{mean:.2f} {PLUS_MINUS} {spread:.2f}"


def _trial_row(
    outcome: Outcome, listed: Iterable[Metric], best: int | None, on_front: set[int | None]
) -> list[str]:
    marks = (BLACK_STAR if outcome.number == best else "") + (
        "\N{BLACK DIAMOND}" if outcome.number in on_front else ""
    )
    figures = [
        metric.show(outcome.metric(metric.name)).removesuffix(f" {metric.unit}")
        for metric in listed
    ]
    seconds = sum(part for _, part in outcome.seconds)
    return [
        f"{outcome.number} {marks}",
        str(outcome.iteration),
        f'<span class="{outcome.state}">{outcome.state}</span>',
        f"{outcome.reward:.4f}",
        *figures,
        f"{seconds:.1f}" if outcome.seconds else MISSING,
        _account(outcome),
    ]


def _account(outcome: Outcome) -> str:
    shape = _shape(outcome)
    if outcome.state == "complete":
        return shape
    told = markup.paragraph(wording.first_line(outcome.reason or outcome.traceback))
    trace = markup.folded("traceback", outcome.traceback) if outcome.traceback else ""
    return f"{told}{shape}{trace}"


def _shape(network: Outcome | Entry) -> str:
    return (
        f"{escape(wording.structure(network.units))}<br>"
        f"<code>{escape(wording.bits(network.units, network.policy))}</code>"
    )


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and values as a table."""
    rows = [[escape(name), escape(value)] for name, value in pairs]
    return markup.table(["", ""], rows, "facts") if rows else ""


def settings(view: StudyView) -> str:
    """The study file as it ran."""
    return f"<pre>{escape(view.settings)}</pre>" if view.settings.strip() else ""
