"""An effect remembers the trace that it was made in, so that what the other side says of it later is told in the same one."""

from typing import Any

from msgspec.structs import replace

from tuntas.contracts.ids import derive
from tuntas.kit.messaging.fold import Event, fold
from tuntas.kit.persistence.database import Row
from tuntas.testkit.conformance.bench import Bench

TRACE = f"00-{'ab' * 16}-{'cd' * 8}-01"
OTHER = f"00-{'12' * 16}-{'34' * 8}-01"


def decided(bench: Bench, rows: dict[Any, Row[Any]], traceparent: str, number: int) -> Any:
    history = bench.history
    event = Event(history.task_id, history.tenant, derive("given", number), bench.command("hold"), traceparent)
    unit = fold(history.core, "connectors", rows, [event], history.now)
    return {key: replace(row, version=row.version + 1) for key, row in unit.rows.items()}


def test_an_effect_keeps_the_trace_of_its_first_command(bench: Bench) -> None:
    rows = decided(bench, {}, TRACE, 1)
    rows = decided(bench, rows, OTHER, 2)
    state = rows[bench.history.task_id].state
    assert state.effects[bench.key("hold")].traceparent == TRACE
    stored = state.model_dump(mode="json", exclude_defaults=True)
    assert stored["effects"][str(bench.key("hold"))]["traceparent"] == TRACE
