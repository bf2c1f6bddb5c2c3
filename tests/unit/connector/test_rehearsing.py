"""Asking what undoing would cost leaves everything as it is; a provider is asked only where undoing would ask it."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tuntas.contracts.connectors import UndoQuoted, UndoQuoteRequested
from tuntas.contracts.ids import derive
from tuntas.testkit.conformance.bench import PRICE, Bench

FEE: Any = {"amount_minor": 40_000, "currency": "IDR"}


def asked(bench: Bench, step: str, drill: UUID | None = None) -> Any:
    """Ask about a step; return the answer, or None while the provider is asked."""
    sent = bench.history.given(UndoQuoteRequested(drill_id=drill or uuid4(), step_id=step, key=bench.key(step)))
    assert all(isinstance(message, UndoQuoted) for message in sent)
    return sent[0] if sent else None


def bought(bench: Bench) -> None:
    for step in ("hold", "buy"):
        bench.start(step)
        bench.answer()


def test_a_quote_is_asked_of_the_provider_and_changes_no_effect(bench: Bench) -> None:
    bought(bench)
    before = bench.history.state
    assert asked(bench, "buy", UUID(int=5)) is None
    call = bench.call
    assert (call.kind, call.party, call.body["key"]) == ("rehearse", bench.case.provider.name, str(bench.key("buy")))
    (told,) = bench.history.answer(call, {"fee": FEE, "refund": PRICE.model_dump(), "quote_id": "q", "found": True})
    assert isinstance(told, UndoQuoted)
    assert (told.asked, told.allowed, told.fee, told.drill_id) == (True, True, told.fee, UUID(int=5))
    assert told.fee is not None
    assert told.fee.model_dump() == FEE
    assert bench.history.state == before


def test_each_rehearsal_has_a_key_of_its_own_that_no_undo_has(bench: Bench) -> None:
    bought(bench)
    for number in (5, 6):
        asked(bench, "buy", UUID(int=number))
    keys = [call.body["idempotency_key"] for call in bench.history.calls]
    assert len(set(keys)) == 2
    assert str(derive("undo", bench.key("buy"), 1)) not in keys


def test_an_undo_goes_its_way_although_a_quote_is_out(bench: Bench) -> None:
    bought(bench)
    asked(bench, "buy")
    bench.undo("buy", limit=10**9)
    assert bench.history.calls[-1].kind in {"undo", "undo_quote"}
    assert bench.history.calls[-1].key == bench.key("buy")


@pytest.mark.parametrize(("lost", "code"), [(True, "no_answer"), (False, "parked")])
def test_a_provider_that_says_nothing_is_said_to_have_said_nothing(bench: Bench, lost: bool, code: str) -> None:
    bought(bench)
    asked(bench, "buy")
    before = bench.history.state
    (told,) = bench.history.answer(bench.call, code=code, lost=lost)
    assert isinstance(told, UndoQuoted)
    assert (told.asked, told.code) == (False, code)
    assert bench.history.state == before
    assert bench.history.calls == []


def test_a_hold_is_free_and_one_that_was_used_goes_with_what_used_it(bench: Bench) -> None:
    bench.start("hold")
    bench.answer()
    assert asked(bench, "hold").code == "free"
    bench.start("buy")
    bench.answer()
    assert asked(bench, "hold").code == "consumed"


def test_what_is_not_known_is_not_asked_about(bench: Bench) -> None:
    assert asked(bench, "hold").code == "no_effect"
    assert bench.history.rows == {}
    bench.start("hold")
    assert asked(bench, "hold").code == "open"
    assert [call.kind for call in bench.history.calls] == ["act"]
