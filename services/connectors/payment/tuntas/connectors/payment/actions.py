"""What the payment connector can do: the payment leg of a plan, and what people do with money itself."""

from typing import Any

from tuntas.contracts.plan import Phase, StepKind
from tuntas.contracts.registry import ActionSpec, GoalType, SlotMapping

OBLIGING = frozenset({"payment.authorize", "payment.capture", "transfer.confirm", "bill.confirm"})

_PERSONAL: Any = {"type": "string", "minLength": 1, "maxLength": 2000, "x-personal": True}
_MONEY: Any = {
    "type": "object",
    "required": ["amount_minor", "currency"],
    "properties": {
        "amount_minor": {"type": "integer", "minimum": 1, "maximum": 10**13},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
    },
}
_INSTRUMENT: Any = {"type": "string", "minLength": 1, "maxLength": 64}
_HOW_MUCH = {"en": "How much?", "id": "Berapa?", "zh": "多少钱？"}
_NAMED = SlotMapping(slots=("payment_method",))
"""What to pay with, if it was said; another instrument than the task's is refused, not passed over."""

CHARGE = GoalType(
    name="pay.charge",
    parameters={
        "type": "object",
        "additionalProperties": False,
        "required": ["instrument"],
        "properties": {"instrument": _INSTRUMENT},
    },
    actions=(
        ActionSpec(
            action="payment.authorize",
            kinds=(StepKind.COMPENSATABLE,),
            phase=Phase.AUTHORIZE,
            inquire="by our reference",
            undo="payment.void",
        ),
        ActionSpec(
            action="payment.capture", kinds=(StepKind.RETRIABLE,), phase=Phase.CAPTURE, inquire="by our reference", undo="payment.refund"
        ),
    ),
    settles=True,
)


def _actions(kind: str) -> tuple[ActionSpec, ...]:
    facts = {"inquire": "by our reference", "undo": f"{kind}.cancel"}
    return (
        ActionSpec(action=f"{kind}.hold", kinds=(StepKind.COMPENSATABLE,), phase=Phase.HOLD, **facts),
        ActionSpec(action=f"{kind}.confirm", kinds=(StepKind.COMPENSATABLE, StepKind.PIVOT), phase=Phase.CONFIRM, **facts),
    )


def _between_people(name: str, whom: dict[str, str], actions: tuple[ActionSpec, ...], *, charges: bool) -> GoalType:
    return GoalType(
        name=name,
        parameters={
            "type": "object",
            "additionalProperties": False,
            "required": ["amount"],
            "anyOf": [{"required": ["recipient"]}, {"required": ["account"]}],
            "properties": {
                "recipient": _PERSONAL,
                "account": _PERSONAL,
                "amount": _MONEY,
                "note": _PERSONAL,
                "instrument": _INSTRUMENT,
            },
        },
        mapping={
            "account": SlotMapping(slots=("account",), path="number"),
            "recipient": SlotMapping(slots=("recipient",), path="name", required=True, unless=("account",), ask=whom),
            "amount": SlotMapping(slots=("amount",), required=True, ask=_HOW_MUCH),
            "note": SlotMapping(slots=("reason",)),
            "instrument": _NAMED,
        },
        actions=actions,
        charges=charges,
    )


TRANSFER = _between_people(
    "pay.transfer",
    {"en": "To whom?", "id": "Ke siapa?", "zh": "转给谁？"},
    _actions("transfer"),
    charges=True,
)
REQUEST = _between_people(
    "pay.request",
    {"en": "Whom should I ask?", "id": "Minta ke siapa?", "zh": "向谁收款？"},
    _actions("request")[:1],
    charges=False,
)
BILL = GoalType(
    name="pay.bill",
    parameters={
        "type": "object",
        "additionalProperties": False,
        "required": ["biller", "customer"],
        "properties": {
            "biller": {"type": "string", "minLength": 1, "maxLength": 80},
            "customer": _PERSONAL,
            "amount": _MONEY,
            "instrument": _INSTRUMENT,
        },
    },
    mapping={
        "biller": SlotMapping(
            slots=("item",), path="kind", required=True, ask={"en": "Which bill?", "id": "Tagihan apa?", "zh": "交什么费？"}
        ),
        "customer": SlotMapping(
            slots=("account",),
            path="number",
            required=True,
            ask={"en": "What is the customer number?", "id": "Nomor pelanggannya berapa?", "zh": "户号是多少？"},
        ),
        "amount": SlotMapping(slots=("amount",)),
        "instrument": _NAMED,
    },
    actions=_actions("bill"),
    charges=True,
)
BALANCE = GoalType(
    name="pay.balance",
    parameters={"type": "object", "additionalProperties": False, "properties": {"instrument": _INSTRUMENT}},
    mapping={"instrument": _NAMED},
    actions=(),
    informs=True,
)
GOAL_TYPES = (CHARGE, TRANSFER, REQUEST, BILL, BALANCE)
