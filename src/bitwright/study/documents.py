"""The study-level documents in the store: entries and sensitivity rows as JSON, both ways."""

from typing import Any

from bitwright.records import Genome, encode, policy_from_dict, unit_from_dict
from bitwright.study.view import Entry, SensitivityRow, SupernetEntry, TeacherEntry

FINALISTS = "finalists"  # the document of the networks among which the final one was chosen
BUDGET = "budget"  # what an entry was made under, beside it in its document


def entry_to_json(entry: Entry) -> dict[str, Any]:
    """The entry as JSON values."""
    found = encode(entry)
    found["proof"] = dict(entry.proof)
    found["others"] = dict(entry.others)
    found["spreads"] = dict(entry.spreads)
    return dict(found)


def entry_from_json(data: dict[str, Any]) -> Entry:
    """The entry that `entry_to_json` wrote, whatever it was made under."""
    genome = data["genome"]
    return Entry(
        **{
            **{key: value for key, value in data.items() if key != BUDGET},
            "genome": Genome(genome["space_id"], tuple(genome["picks"].items())),
            "policy": policy_from_dict(data["policy"]),
            "units": tuple(unit_from_dict(unit) for unit in data["units"]),
            "curve": curve_from_json(data["curve"]),
            "proof": tuple(data["proof"].items()),
            "others": tuple(data.get("others", {}).items()),
            "spreads": tuple(data.get("spreads", {}).items()),
        }
    )


def finalists_from_json(data: dict[str, Any]) -> tuple[Entry, ...]:
    """The entries of that document, one for each trial, the highest reward first."""
    entries = [entry_from_json(entry) for entry in data.values()]
    return tuple(sorted(entries, key=lambda entry: (-(entry.reward or 0.0), entry.trial or 0)))


def teacher_to_json(entry: TeacherEntry) -> dict[str, Any]:
    """The teacher as JSON values."""
    return dict(encode(entry))


def teacher_from_json(data: dict[str, Any]) -> TeacherEntry:
    """The teacher that `teacher_to_json` wrote."""
    return TeacherEntry(
        **{
            **data,
            "units": tuple(unit_from_dict(unit) for unit in data["units"]),
            "curve": curve_from_json(data["curve"]),
        }
    )


def supernet_to_json(entry: SupernetEntry) -> dict[str, Any]:
    """The supernet's entry as JSON values."""
    return dict(encode(entry))


def supernet_from_json(data: dict[str, Any]) -> SupernetEntry:
    """The entry that `supernet_to_json` wrote."""
    return SupernetEntry(curve_from_json(data["curve"]), data["spent_seconds"])


def curve_from_json(
    points: list[tuple[float, float, float | None]],
) -> tuple[tuple[float, float, float | None], ...]:
    """The points (epoch, training loss, held-out accuracy or None) of a training curve."""
    return tuple((epoch, loss, accuracy) for epoch, loss, accuracy in points)


def rows_to_json(rows: tuple[SensitivityRow, ...]) -> list[dict[str, Any]]:
    """Sensitivity rows as JSON values."""
    return [dict(encode(row)) for row in rows]


def rows_from_json(data: list[dict[str, Any]]) -> tuple[SensitivityRow, ...]:
    """The rows that `rows_to_json` wrote."""
    return tuple(SensitivityRow(**row) for row in data)
