"""A network as a result file tells it."""

from typing import Any

from bitwright.study.view import Entry


def structure(entry: Entry) -> dict[str, Any]:
    """Its units with their options, and every site's method."""
    return {
        "units": [{"path": u.path, "kind": u.kind, **dict(u.params)} for u in entry.units],
        "policy": [f"{site.unit} {site.role} {method}" for site, method in entry.policy],
    }
