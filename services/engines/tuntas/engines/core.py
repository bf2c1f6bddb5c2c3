"""The one decision that messages cause here: remember how a task ended, so that each engine can be judged by what came of its answers."""

from tuntas.contracts.saga import SagaEnded
from tuntas.engines.state import Episode
from tuntas.kit.decision import Context, Core, Decision


def core() -> Core[Episode]:
    """Return the engines' decisions."""
    return Core(Episode, {SagaEnded: _on_saga_ended}, begins=lambda event: isinstance(event, SagaEnded))


def _on_saga_ended(state: Episode | None, message: SagaEnded, context: Context) -> Decision[Episode]:
    del context
    if state is not None and message.closing <= state.closing:
        return Decision(state)
    return Decision(Episode(status=message.outcome.value, closing=message.closing))
