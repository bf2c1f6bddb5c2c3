"""A connector spends nothing that was not approved: every way in which a command may differ from its approval has a code."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tuntas.connectors.payment.actions import CHARGE, OBLIGING
from tuntas.contracts.connectors import Declaration, StepStarted
from tuntas.contracts.ids import attempt_key, derive
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Approval, Line, Phase, Statement, StepKind, UndoTerms
from tuntas.kit.connector.approvals import authorized
from tuntas.kit.connector.effects import Effect, Effects, State
from tuntas.kit.connector.provider import Specs
from tuntas.kit.decision import Context
from tuntas.kit.errors import Rejected
from tuntas.kit.signing import approve, open_approval, public_hex

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TASK = derive("task")
PRIVATE, OTHER = "11" * 32, "22" * 32
KEYS = {"k1": public_hex(PRIVATE)}
SPECS = Specs(connector="payment", actions={a.action: a for a in CHARGE.actions}, providers={}, obliging=OBLIGING)
LINE = Line(step_id="pay", payees=("lontar",), ceiling=Money(amount_minor=100, currency="IDR"), instruments=("wallet",))


def idr(amount: int) -> Money:
    return Money(amount_minor=amount, currency="IDR")


def statement(**changes: Any) -> Statement:
    facts: dict[str, Any] = {
        "tenant": "acme",
        "task_id": str(TASK),
        "revision": 2,
        "plan_digest": "d",
        "lines": (LINE,),
        "ceilings": {"IDR": 150},
        "authorize_by": NOW + timedelta(minutes=5),
        "capture_by": NOW + timedelta(minutes=9),
    }
    return Statement(**facts | changes)


def effect(attempt: int = 1, **changes: Any) -> Effect:
    facts: dict[str, Any] = {
        "key": attempt_key(TASK, "pay", attempt),
        "step_id": "pay",
        "attempt": attempt,
        "state": State.CALLING,
        "provider": "lontar",
        "action": "payment.authorize",
        "amount": idr(100),
        "input": {"instrument": "wallet"},
    }
    return Effect(**facts | changes)


def command(approval: Approval | None) -> StepStarted:
    declaration = Declaration(
        step_id="pay", leg_id="l", connector="payment", provider="lontar", attempt=1, key=derive("k"), body_digest="b", revision=2,
        epoch=1, kind=StepKind.COMPENSATABLE, phase=Phase.AUTHORIZE, action="payment.authorize", start=1, undo=UndoTerms(), forward_by=NOW,
    )  # fmt: skip
    return StepStarted(declaration=declaration, tried=1, input={}, approval=approval)


def check(
    said: Statement | None = None,
    asked: Effect | None = None,
    *,
    private: str = PRIVATE,
    signed: bool = True,
    at: datetime = NOW,
    **held: Any,
) -> int:
    approval = approve(said or statement(), "k1", private) if signed else None
    state = Effects(**held)
    context = Context(at, TASK, "acme", derive("cause"))
    return authorized(partial(open_approval, keys=KEYS), SPECS, state, command(approval), asked or effect(), context)


def test_what_was_approved_is_let_through_with_its_revision() -> None:
    assert check() == 2


@pytest.mark.parametrize(
    ("code", "attempted"),
    [
        ("not_approved", partial(check, signed=False)),
        ("forged_approval", partial(check, private=OTHER)),
        ("foreign_approval", partial(check, statement(tenant="eve"))),
        ("foreign_approval", partial(check, statement(task_id=str(derive("another"))))),
        ("stale_approval", partial(check, statement(revision=1), revision=2)),
        ("approval_expired", partial(check, at=NOW + timedelta(minutes=6))),
        ("approval_expired", partial(check, asked=effect(action="payment.capture"), at=NOW + timedelta(minutes=10))),
        ("not_in_approval", partial(check, asked=effect(step_id="another"))),
        ("payee", partial(check, asked=effect(provider="somebody"))),
        ("payee", partial(check, asked=effect(input={"payee": "payee-007"}))),
        ("amount", partial(check, asked=effect(amount=None))),
        ("amount", partial(check, asked=effect(amount=idr(101)))),
        ("amount", partial(check, asked=effect(amount=Money(amount_minor=1, currency="USD")))),
        ("instrument", partial(check, asked=effect(input={"instrument": "card"}))),
        ("over_ceiling", partial(check, statement(ceilings={"IDR": 99}))),
        ("over_ceiling", partial(check, statement(ceilings={}))),
    ],
)
def test_what_was_not_approved_is_refused(code: str, attempted: Callable[[], int]) -> None:
    with pytest.raises(Rejected) as refused:
        attempted()
    assert refused.value.code == code


def test_a_capture_may_come_later_than_an_authorization() -> None:
    assert check(asked=effect(action="payment.capture"), at=NOW + timedelta(minutes=6)) == 2


@pytest.mark.parametrize("state", [State.DONE, State.IN_DOUBT, State.PENDING, State.UNDOING])
def test_a_second_use_of_an_approval_finds_nothing_left(state: State) -> None:
    first = effect(attempt=2, state=state)
    with pytest.raises(Rejected, match="over_ceiling"):
        check(effects={first.key: first})


def test_money_goes_to_a_payee_whom_the_line_names_and_only_once() -> None:
    said = statement(lines=(LINE.model_copy(update={"payees": ("lontar", "payee-001")}),))
    sending = effect(input={"payee": "payee-001"}, action="payment.capture")
    first = effect(attempt=2, state=State.DONE)
    assert check(said, sending) == 2
    with pytest.raises(Rejected, match="over_ceiling"):
        check(said, sending, effects={first.key: first})


@pytest.mark.parametrize("state", [State.REFUSED, State.UNDONE, State.TOMBSTONE])
def test_what_is_surely_gone_frees_its_part_of_the_ceiling(state: State) -> None:
    first = effect(attempt=2, state=state)
    assert check(effects={first.key: first}) == 2
