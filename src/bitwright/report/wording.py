"""Networks and studies in words: the same short forms in the terminal and in the report."""

from collections.abc import Iterable, Sequence

from bitwright.metrics import MISSING, TIMES
from bitwright.quant.spec import Method, Role, Site
from bitwright.records import Outcome, Pick, Policy, UnitSpec
from bitwright.study.view import Entry, StudyView, TeacherEntry

DEFAULT_GRAIN: dict[Role, str] = {"weight": ":channel", "activation": ":tensor"}

_CODES = {
    "conv": "c",
    "depthwise_separable": "d",
    "inverted_bottleneck": "i",
    "residual": "r",
    "max_pool": "max",
    "average_pool": "avg",
    "identity": "id",
    "fully_connected": "fc",
    "classifier": "out",
}
_OFF = (0, "", "0", "no", "none", "None", "false", "False")  # a part that the unit goes without
_STOPS = {
    "converged": "the reward converged",
    "iterations": "the iteration limit was reached",
    "time": "the time limit was reached",
    "user": "the user stopped it",
}


def kind_words(kind: str) -> str:
    """A kind's or transform's name as a reader says it: "inverted bottleneck"."""
    return _own_name(kind).replace("_", " ")


def _own_name(name: str) -> str:
    """The name of what is known by its import path: "SQUEEZED" of "mine.units:SQUEEZED"."""
    return name.rpartition(":")[2]


def unit_words(unit: UnitSpec) -> tuple[str, str]:
    """The unit in two phrases: ("residual 3x3", "stride 2, width 32, 2 convs")."""
    params = dict(unit.params)
    head = kind_words(unit.kind)
    kernel = params.pop("kernel", None)
    if kernel is not None:
        head += f" {kernel}{TIMES}{kernel}"
    if params.get("stride") == 1:
        del params["stride"]
    parts = [_param_words(name, value) for name, value in params.items() if value not in _OFF]
    return head, ", ".join(parts)


def _param_words(name: str, value: Pick) -> str:
    if name == "squeeze_excite":
        return "squeeze-excite"
    if name == "convs":
        return f"{value} convs"
    return f"{kind_words(name)} {value}"


def method_words(method: Method) -> str:
    """The method as a reader says it: "4-bit lsq, per channel"."""
    if not method.quantized:
        return f"{method.bits}-bit float"
    grain = "channel" if method.per_channel else "tensor"
    return f"{method.bits}-bit {kind_words(method.transform)}, per {grain}"


def short_method(text: str, role: Role) -> str:
    """A method's text without the grain that its role has anyway: "lsq:4"."""
    return text.removesuffix(DEFAULT_GRAIN[role])


def method_of(policy: Policy, unit: UnitSpec, role: Role) -> Method | None:
    """What the policy assigns to that place; None where the unit has nothing to quantize."""
    return dict(policy).get(Site(unit.path, role))


def structure(units: Sequence[UnitSpec]) -> str:
    """The units in shorthand, "c3:16 i5:32/2 fc": code, kernel, width, stride other than 1."""
    return " ".join(_shorthand(unit) for unit in units)


def _shorthand(unit: UnitSpec) -> str:
    params = dict(unit.params)
    text = _CODES.get(unit.kind, _own_name(unit.kind)) + str(params.get("kernel", ""))
    if "width" in params and unit.kind != "classifier":
        text += f":{params['width']}"
    if params.get("stride", 1) != 1:
        text += f"/{params['stride']}"
    return text


def bits(units: Sequence[UnitSpec], policy: Policy) -> str:
    """The bits unit by unit, "w8443 a8484"; "f" stands for full precision."""
    roles: tuple[tuple[str, Role], ...] = (("w", "weight"), ("a", "activation"))
    groups = []
    for letter, role in roles:
        methods = [method_of(policy, unit, role) for unit in units]
        digits = "".join(
            str(method.bits) if method.quantized else "f" for method in methods if method
        )
        if digits:
            groups.append(letter + digits)
    return " ".join(groups)


def first_line(text: str | None) -> str:
    """The first line of a reason, or that none was given."""
    lines = (text or "").strip().splitlines()
    return lines[0] if lines else "no reason was recorded"


def ending(view: StudyView) -> str:
    """How the study stands, as half a sentence."""
    if view.stopped_by is not None:
        return _STOPS[view.stopped_by]
    return {
        "running": "the search is still running",
        "interrupted": "the search was interrupted and can go on",
        "finished": "the search has ended",
    }[view.state]


def winner(view: StudyView) -> Entry | None:
    """The network handed over: the finally trained one, or until it is there the best trial."""
    return view.final or view.best


def others(view: StudyView) -> tuple[Entry, ...]:
    """The networks that got the final training too, and were not handed over."""
    return tuple(one for one in view.finalists if not is_final(view, one))


def reward(entry: Entry) -> str:
    """An entry's reward, as tables tell it."""
    return MISSING if entry.reward is None else f"{entry.reward:.4f}"


def is_final(view: StudyView, finalist: Entry) -> bool:
    """Whether that finalist is the network handed over; not one of the same trial before it."""
    final = view.final
    return final is not None and (final.trial, final.proof) == (finalist.trial, finalist.proof)


def teacher_source(entry: TeacherEntry) -> str:
    """Where the teacher comes from: its file, or that the study trained it."""
    return "the study's own network" if entry.source == "study" else entry.source


def teacher(entry: TeacherEntry) -> str:
    """Who taught, in one line: "teacher: the study's own network, ...; 93.10 % held out; ..."."""
    made = f", {structure(entry.units)}" if entry.units else ""
    return (
        f"teacher: {teacher_source(entry)}{made}; {100 * entry.accuracy:.2f} % held out; "
        f"{entry.spent_seconds:,.0f} s to prepare"
    )


def staged(outcomes: Iterable[Outcome]) -> bool:
    """Whether candidates were trained in stages, so that trials of unlike training meet."""
    return any(outcome.fidelity < 1 or outcome.goes_on is not None for outcome in outcomes)


def epochs(outcome: Outcome) -> str:
    """How long the network was trained in all, such as "0.67"."""
    return MISSING if outcome.epochs is None else f"{outcome.epochs:.2f}".rstrip("0").rstrip(".")


def stage(outcome: Outcome) -> str:
    """Up to where a trial trained, and from which one on: "2 epochs, on from trial 3"."""
    count = epochs(outcome)
    on = "" if outcome.goes_on is None else f", on from trial {outcome.goes_on}"
    return f"{count} {'epoch' if count == '1' else 'epochs'}{on}"


def tally(outcomes: Sequence[Outcome]) -> str:
    """How many trials there are, by state: "40 trials: 35 complete, 4 infeasible, 1 failed"."""
    states = [outcome.state for outcome in outcomes]
    parts = [f"{states.count(state)} {state}" for state in dict.fromkeys(sorted(states))]
    noun = "trial" if len(states) == 1 else "trials"
    return f"{len(states)} {noun}" + (f": {', '.join(parts)}" if parts else "")
