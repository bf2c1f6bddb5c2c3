"""What the payment connector can do: the payment leg of a plan, and the actions that make it."""

from tuntas.contracts.plan import Phase, StepKind
from tuntas.contracts.registry import ActionSpec, GoalType

OBLIGING = frozenset({"payment.authorize", "payment.capture"})

CHARGE = GoalType(
    name="pay.charge",
    parameters={
        "type": "object",
        "additionalProperties": False,
        "required": ["instrument"],
        "properties": {"instrument": {"type": "string", "minLength": 1, "maxLength": 64}},
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
