"""How a task ended is remembered, the latest closing only."""

import pytest

from tuntas.contracts.saga import EffectRecord, Receipt, SagaEnded, SagaOutcome
from tuntas.engines.core import core
from tuntas.engines.state import Episode
from tuntas.testkit.history import History


def ended(task: History[Episode], outcome: SagaOutcome, closing: int) -> SagaEnded:
    effects: tuple[EffectRecord, ...] = ()
    receipt = Receipt(
        task_id=task.task_id, tenant="acme", closing=closing, outcome=outcome, code="done", effects=effects, postings=(), kept={}
    )
    return SagaEnded(outcome=outcome, closing=closing, code="done", kept={}, receipt=receipt)


@pytest.fixture
def task(request: pytest.FixtureRequest) -> History[Episode]:
    return History(core(), "engines", request.node.name)


def test_an_end_is_remembered(task: History[Episode]) -> None:
    task.given(ended(task, SagaOutcome.COMPLETED, 1))
    assert task.state == Episode(status="completed", closing=1)


def test_a_later_closing_counts_and_an_earlier_one_that_comes_late_does_not(task: History[Episode]) -> None:
    task.given(ended(task, SagaOutcome.COMPENSATED, 2))
    task.given(ended(task, SagaOutcome.COMPLETED, 1))
    assert task.state == Episode(status="compensated", closing=2)
    task.given(ended(task, SagaOutcome.COMPLETED, 3))
    assert task.state == Episode(status="completed", closing=3)
