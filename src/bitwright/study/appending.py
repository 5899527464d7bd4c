"""One whole trial into Optuna's tables, in one transaction of a few statements.

Optuna's own way asks the database anew for each parameter and attribute: 300 statements for a
trial of 40 parameters, where this takes seven. The rows are the same. A statement is made once and
kept, as is a parameter's distribution with its text for as long as the options are the same object.
"""

import dataclasses
import datetime
import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bitwright.errors import StoreError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial
    from sqlalchemy import BindParameter, Connection, Insert, Select


class Appender:
    """Writes trials of one study.

    `met` holds the distribution of each parameter that a trial written here had.
    """

    def __init__(self, storage: "RDBStorage", study_id: int) -> None:
        self._storage = storage
        self._study_id = study_id
        self.met: dict[str, BaseDistribution] = {}
        self._texts: dict[str, str] = {}  # the JSON of each of them

    def append(self, trial: "FrozenTrial", number: int) -> None:
        """Commits the trial under that number, which must be the next.

        StoreError where it is not, ValueError where a parameter's options have changed.
        """
        statements = _statements()
        texts = {name: self._text(name, new) for name, new in trial.distributions.items()}
        with self._storage.engine.begin() as connection:
            connection.execute(statements.lock, {"study": self._study_id})
            trial_id = self._insert(connection, trial, number)
            self._check_number(connection, trial_id, number)
            for name, distribution in trial.distributions.items():
                self._check_options(connection, name, distribution)
            for table, rows in _parts(trial, texts).items():
                if rows:
                    values = [{"trial_id": trial_id, **row} for row in rows]
                    connection.execute(statements.inserts[table], values)
        self.met.update(trial.distributions)
        self._texts.update(texts)

    def _text(self, name: str, distribution: "BaseDistribution") -> str:
        from optuna.distributions import distribution_to_json

        same = self.met.get(name) is distribution
        return self._texts[name] if same else distribution_to_json(distribution)

    def _insert(self, connection: "Connection", trial: "FrozenTrial", number: int) -> int:
        row = {
            "number": number,
            "study_id": self._study_id,
            "state": trial.state,
            "datetime_start": _utc(trial.datetime_start),
            "datetime_complete": _utc(trial.datetime_complete),
        }
        inserted = connection.execute(_statements().inserts["trials"], row)
        key: Any = inserted.inserted_primary_key
        return int(key[0])

    def _check_number(self, connection: "Connection", trial_id: int, number: int) -> None:
        """Looked at with the write lock held: only then can no second writer come between."""
        values = {"study": self._study_id, "trial": trial_id}
        last = connection.execute(_statements().last_number, values).scalar()
        due = 0 if last is None else last + 1
        if due != number:
            raise StoreError(
                f"outcome {number} would become trial {due}; either trials before it were left "
                "out, or another program writes this study: end it, then run again to go on from "
                "what is stored"
            )

    def _check_options(self, connection: "Connection", name: str, new: "BaseDistribution") -> None:
        """The options that a parameter had when it was first met are those that it keeps."""
        from optuna.distributions import check_distribution_compatibility

        known = self.met.get(name) or self._stored_options(connection, name)
        if known is None or known is new or known == new:
            return
        check_distribution_compatibility(known, new)

    def _stored_options(self, connection: "Connection", name: str) -> "BaseDistribution | None":
        from optuna.distributions import json_to_distribution

        values = {"study": self._study_id, "name": name}
        text = connection.execute(_statements().options, values).scalar()
        return None if text is None else json_to_distribution(text)


@dataclasses.dataclass(frozen=True, slots=True)
class _Statements:
    """What an append says to the database; the values come with each execution."""

    inserts: Mapping[str, "Insert"]  # by table
    lock: "Select[Any]"  # keeps other writers of the study out; SQLite has only one, unlocked
    last_number: "Select[Any]"  # of the trial before this one
    options: "Select[Any]"  # as a parameter of that name was first met


@functools.cache
def _statements() -> _Statements:
    from optuna.storages._rdb.models import BaseModel
    from sqlalchemy import bindparam, select

    tables = BaseModel.metadata.tables
    studies, trials, params = tables["studies"], tables["trials"], tables["trial_params"]
    study: BindParameter[int] = bindparam("study")
    return _Statements(
        inserts={name: tables[name].insert() for name in ("trials", *_PARTS)},
        lock=select(studies.c.study_id).where(studies.c.study_id == study).with_for_update(),
        last_number=select(trials.c.number)
        .where(trials.c.study_id == study, trials.c.trial_id < bindparam("trial"))
        .order_by(trials.c.trial_id.desc())
        .limit(1),
        options=select(params.c.distribution_json)
        .join(trials, trials.c.trial_id == params.c.trial_id)
        .where(trials.c.study_id == study, params.c.param_name == bindparam("name"))
        .limit(1),
    )


_PARTS = ("trial_values", "trial_params", "trial_user_attributes", "trial_system_attributes")


def _parts(trial: "FrozenTrial", texts: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """The rows of the trial's tables, by table, without the trial's id; `texts` by parameter."""
    from optuna.storages._rdb.models import TrialValueModel

    value = [] if trial.value is None else [trial.value]
    params = [
        {
            "param_name": name,
            "param_value": distribution.to_internal_repr(trial.params[name]),
            "distribution_json": texts[name],
        }
        for name, distribution in trial.distributions.items()
    ]
    finite = TrialValueModel.TrialValueType.FINITE
    values = [{"objective": 0, "value": v, "value_type": finite} for v in value]
    rows = (values, params, _attributes(trial.user_attrs), _attributes(trial.system_attrs))
    return dict(zip(_PARTS, rows, strict=True))


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value_json": json.dumps(value)} for key, value in values.items()]


def _utc(local: datetime.datetime | None) -> datetime.datetime | None:
    """Times lie in the database in UTC, without a word about it."""
    return None if local is None else local.astimezone(datetime.UTC).replace(tzinfo=None)
