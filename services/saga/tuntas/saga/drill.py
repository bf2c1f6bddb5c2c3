"""A rehearsal of undoing everything, or some legs: which effects it would meet, and a question to each connector. Nothing changes."""

from tuntas.contracts.connectors import UndoQuoteRequested
from tuntas.contracts.saga import DrilledEffect, SagaDrill, SagaDrilled
from tuntas.contracts.topics import connector_commands
from tuntas.kit.decision import Context, Decision, Send
from tuntas.saga.receipts import worst_fee
from tuntas.saga.state import Effect, Saga, Stage


def rehearse(saga: Saga | None, message: SagaDrill, context: Context) -> Decision[Saga]:
    """Say what would be undone and ask what that costs; of a task that has no saga nothing would be."""
    alive = list(saga.within(Stage.STANDING, Stage.UNDOING, Stage.WAITING)) if saga else []
    legs = message.legs or {effect.declaration.leg_id for effect in alive}
    effects = [effect for effect in alive if not effect.read and effect.declaration.leg_id in legs]
    told = SagaDrilled(
        drill_id=message.drill_id, version=saga.version if saga else 0, effects=tuple(_shown(effect, context) for effect in effects)
    )
    return Decision(saga, (Send(told), *(_question(effect, message) for effect in effects)))


def _question(effect: Effect, message: SagaDrill) -> Send:
    asked = UndoQuoteRequested(drill_id=message.drill_id, step_id=effect.declaration.step_id, key=effect.key)
    return Send(asked, connector_commands(effect.declaration.connector))


def _shown(effect: Effect, context: Context) -> DrilledEffect:
    declared = effect.declaration
    return DrilledEffect(
        step_id=declared.step_id,
        key=declared.key,
        connector=declared.connector,
        provider=declared.provider,
        action=declared.action,
        amount=effect.price,
        worst_fee=worst_fee(declared, context.now),
    )
