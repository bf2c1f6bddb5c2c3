"""The trip's participants as a connector: each effect a row in its participant's table, written in the transaction that decides it."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import workload
from tests.bench.trip import CONNECTOR

from tuntas.kit.app import Parts, Resources, Service
from tuntas.kit.connector.effects import Effect, Effects, State
from tuntas.kit.persistence.database import Row, Session
from tuntas.kit.persistence.store import KEPT_ROWS, Store

STEPS = {
    "trip.flight": "reserve_flight",
    "trip.hotel": "reserve_hotel",
    "trip.route": "quote_route",
    "trip.authorize": "authorize_payment",
    "trip.capture": "capture_payment",
}
"""Our action, and the step of the peers' workload that it is."""

_RECORDED = {State.DONE: workload.DONE, State.REFUSED: workload.REFUSED}
_TABLES = workload.EFFECT_TABLES


def _statement() -> str:
    """Return one statement for a batch's effects: rows of each participant, and what is cancelled marked so."""
    inserted = (
        f"i{n} as (insert into public.{table} (saga_id, step, state, detail) select * from unnest"
        f"(${4 * n + 1}::text[], ${4 * n + 2}::text[], ${4 * n + 3}::text[], ${4 * n + 4}::jsonb[]) on conflict (saga_id, step) do nothing)"
        for n, table in enumerate(_TABLES)
    )
    first = 4 * len(_TABLES) + 1
    cancelled = (
        f"u{n} as (update public.{workload.TABLE_OF[step]} set state = 'cancelled'"
        f" where saga_id = any(${first + n}::text[]) and step = '{workload.UNDOES[step]}' and state = 'done')"
        for n, step in enumerate(workload.UNDOES)
    )
    return f"with {', '.join((*inserted, *cancelled))} select 1"


class Participants(Store[Effects]):
    """Effects, and beside them the participants' own tables."""

    wide = True

    def __init__(self) -> None:
        super().__init__("effects", Effects)
        self._statement = _statement()
        self._told: OrderedDict[UUID, State] = OrderedDict()

    async def beside(self, session: Session, rows: Sequence[Row[Effects]]) -> None:
        """Record what this batch changed; a row that is there already stays."""
        tables: dict[str, list[tuple[str, str, str, str]]] = {table: [] for table in _TABLES}
        cancelled: dict[str, list[str]] = {step: [] for step in workload.UNDOES}
        for effect in self._changed(rows):
            number: Any = effect.input["number"]
            step, saga = STEPS[effect.action], workload.saga_id(number)
            if effect.state is State.UNDONE:
                step = workload.COMPENSATION[step]
                cancelled[step].append(saga)
            state = _RECORDED.get(effect.state, workload.DONE)
            tables[workload.TABLE_OF[step]].append((saga, step, state, workload.step_detail(step, number)))
        columns = [list(column) for rows in tables.values() for column in (zip(*rows, strict=True) if rows else ((),) * 4)]
        await session.con.execute(self._statement, *columns, *cancelled.values())

    def _changed(self, rows: Sequence[Row[Effects]]) -> Iterator[Effect]:
        for effect in (effect for row in rows if row.state for effect in row.state.effects.values()):
            undone_read = effect.state is State.UNDONE and STEPS[effect.action] not in workload.COMPENSATION
            if effect.state in {*_RECORDED, State.UNDONE} and self._told.get(effect.key) is not effect.state and not undone_read:
                self._told[effect.key] = effect.state
                yield effect
        while len(self._told) > 8 * KEPT_ROWS:
            self._told.popitem(last=False)


def _parts(resources: Resources) -> Parts:
    return replace(CONNECTOR.parts(resources), store=Participants())


def service() -> Service:
    """Return the connector's service."""
    return replace(CONNECTOR.service(), parts=_parts)
