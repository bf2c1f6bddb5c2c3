"""A provider inside its connector: what it does is decided at once, and is the row that says so."""

from datetime import timedelta
from uuid import uuid4

import pytest
from tests.bench.trip import CONNECTOR, Trip, offer

from tuntas.contracts.connectors import Declaration, Outcome, QuoteReplied, QuoteRequested, StepReplied, StepStarted, StepUndo, StepUndone
from tuntas.contracts.plan import Goal, Phase, StepKind, UndoTerms
from tuntas.kit.connector.core import Rules, core
from tuntas.kit.connector.effects import Effects, State
from tuntas.kit.errors import Rejected
from tuntas.testkit.history import START, History


@pytest.fixture
def history(request: pytest.FixtureRequest) -> History[Effects]:
    providers = {"bench": Trip()}
    return History(core(Rules(CONNECTOR.specs(providers), _no_approval, providers)), "connectors-bench", request.node.name)


def _no_approval(_: object) -> None:
    raise Rejected("forged_approval")


def command(action: str = "trip.flight", *, refuse: bool = False) -> StepStarted:
    declaration = Declaration(
        step_id=action,
        leg_id="trip",
        connector="bench",
        provider="bench",
        attempt=1,
        key=uuid4(),
        body_digest="d",
        revision=1,
        epoch=1,
        kind=StepKind.COMPENSATABLE,
        phase=Phase.HOLD,
        action=action,
        start=1,
        undo=UndoTerms(),
        forward_by=START + timedelta(hours=1),
    )
    return StepStarted(declaration=declaration, tried=1, input={"refuse": True} if refuse else {})


def test_an_action_is_answered_in_the_decision_that_keeps_its_effect(history: History[Effects]) -> None:
    asked = command()
    history.given(asked)
    reply = history.last(StepReplied)
    assert (reply.outcome, reply.key, history.calls) == (Outcome.DONE, asked.declaration.key, [])
    assert history.state.effects[asked.declaration.key].state is State.DONE


def test_a_repeated_command_is_answered_with_the_first_answer(history: History[Effects]) -> None:
    asked = command()
    first = history.given(asked)
    assert history.given(asked.model_copy(update={"tried": 2})) == first


def test_a_refusal_leaves_nothing_to_undo(history: History[Effects]) -> None:
    asked = command(refuse=True)
    history.given(asked)
    assert (history.last(StepReplied).outcome, history.last(StepReplied).code) == (Outcome.REFUSED, "declined")
    history.given(StepUndo(step_id="trip.flight", key=asked.declaration.key, number=1))
    assert (history.last(StepUndone).outcome, history.last(StepUndone).nothing) == (Outcome.UNDONE, True)


def test_an_undo_is_answered_at_once_and_frees_the_effect(history: History[Effects]) -> None:
    asked = command()
    history.given(asked)
    history.given(StepUndo(step_id="trip.flight", key=asked.declaration.key, number=1))
    undone = history.last(StepUndone)
    assert (undone.outcome, undone.nothing, history.state.status) == (Outcome.UNDONE, False, "quiet")


def test_what_obliges_is_refused_without_an_approval(history: History[Effects]) -> None:
    history.given(command("trip.authorize"))
    assert history.last(StepReplied).outcome is Outcome.REFUSED


def test_a_quote_is_asked_of_the_connector_although_its_provider_has_the_same_name(history: History[Effects]) -> None:
    goal = Goal(goal_id="trip", type="bench.trip", parameters={})
    assert history.given(QuoteRequested(quote_id=uuid4(), goal=goal, instrument="wallet", lang="en")) == []
    [call] = history.calls
    assert (call.kind, call.party) == ("quote", "bench")
    history.answer(
        call, {"offers": [offer(0, refused=False).model_copy(update={"expires_at": START + timedelta(days=1)}).model_dump(mode="json")]}
    )
    assert [found.offer_id for found in history.last(QuoteReplied).offers] == ["trip"]
