"""One whole trial into Optuna's tables, in one transaction of a few statements.

Optuna's own way asks the database anew for each parameter and attribute: 300 statements for a
trial of 40 parameters, where this takes seven. The rows are the same.
"""

import datetime
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bitwright.errors import StoreError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial
    from sqlalchemy import Connection


class Appender:
    """Writes trials of one study; knows the options of each parameter that it has met."""

    def __init__(self, storage: "RDBStorage", study_id: int) -> None:
        self._storage = storage
        self._study_id = study_id
        self._options: dict[str, BaseDistribution] = {}

    def append(self, trial: "FrozenTrial", number: int) -> None:
        """Commits the trial under that number, which must be the next.

        StoreError where it is not, ValueError where a parameter's options have changed.
        """
        with self._storage.engine.begin() as connection:
            self._lock(connection)
            trial_id = self._insert(connection, trial, number)
            self._check_number(connection, trial_id, number)
            for name, distribution in trial.distributions.items():
                self._check_options(connection, name, distribution, trial_id)
            for table, rows in _parts(trial).items():
                if rows:
                    values = [{"trial_id": trial_id, **row} for row in rows]
                    connection.execute(_tables()[table].insert(), values)
        self._options.update(trial.distributions)

    def _lock(self, connection: "Connection") -> None:
        """Keeps other writers of the study out; SQLite knows no such lock, and has one writer."""
        import sqlalchemy

        studies = _tables()["studies"]
        mine = sqlalchemy.select(studies.c.study_id).where(studies.c.study_id == self._study_id)
        connection.execute(mine.with_for_update())

    def _insert(self, connection: "Connection", trial: "FrozenTrial", number: int) -> int:
        row = {
            "number": number,
            "study_id": self._study_id,
            "state": trial.state,
            "datetime_start": _utc(trial.datetime_start),
            "datetime_complete": _utc(trial.datetime_complete),
        }
        inserted = connection.execute(_tables()["trials"].insert().values(row))
        key: Any = inserted.inserted_primary_key
        return int(key[0])

    def _check_number(self, connection: "Connection", trial_id: int, number: int) -> None:
        """Looked at with the write lock held: only then can no second writer come between."""
        import sqlalchemy

        trials = _tables()["trials"]
        before = (
            sqlalchemy.select(trials.c.number)
            .where(trials.c.study_id == self._study_id, trials.c.trial_id < trial_id)
            .order_by(trials.c.trial_id.desc())
            .limit(1)
        )
        last = connection.execute(before).scalar()
        due = 0 if last is None else last + 1
        if due != number:
            raise StoreError(
                f"outcome {number} would become trial {due}; either trials before it were left "
                "out, or another program writes this study: end it, then run again to go on from "
                "what is stored"
            )

    def _check_options(
        self, connection: "Connection", name: str, new: "BaseDistribution", trial_id: int
    ) -> None:
        """The options that a parameter had when it was first met are those that it keeps."""
        from optuna.distributions import check_distribution_compatibility

        known = self._options.get(name) or self._stored_options(connection, name)
        if known is not None and known != new:
            check_distribution_compatibility(known, new)

    def _stored_options(self, connection: "Connection", name: str) -> "BaseDistribution | None":
        import sqlalchemy
        from optuna.distributions import json_to_distribution

        trials, params = _tables()["trials"], _tables()["trial_params"]
        any_before = (
            sqlalchemy.select(params.c.distribution_json)
            .join(trials, trials.c.trial_id == params.c.trial_id)
            .where(trials.c.study_id == self._study_id, params.c.param_name == name)
            .limit(1)
        )
        text = connection.execute(any_before).scalar()
        return None if text is None else json_to_distribution(text)


def _parts(trial: "FrozenTrial") -> dict[str, list[dict[str, Any]]]:
    """The rows of the trial's tables, by table, without the trial's id."""
    from optuna.distributions import distribution_to_json
    from optuna.storages._rdb.models import TrialValueModel

    value = [] if trial.value is None else [trial.value]
    params = [
        {
            "param_name": name,
            "param_value": distribution.to_internal_repr(trial.params[name]),
            "distribution_json": distribution_to_json(distribution),
        }
        for name, distribution in trial.distributions.items()
    ]
    finite = TrialValueModel.TrialValueType.FINITE
    return {
        "trial_values": [{"objective": 0, "value": v, "value_type": finite} for v in value],
        "trial_params": params,
        "trial_user_attributes": _attributes(trial.user_attrs),
        "trial_system_attributes": _attributes(trial.system_attrs),
    }


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value_json": json.dumps(value)} for key, value in values.items()]


def _tables() -> Mapping[str, Any]:
    from optuna.storages._rdb.models import BaseModel

    tables: Mapping[str, Any] = BaseModel.metadata.tables
    return tables


def _utc(local: datetime.datetime | None) -> datetime.datetime | None:
    """Times lie in the database in UTC, without a word about it."""
    return None if local is None else local.astimezone(datetime.UTC).replace(tzinfo=None)
