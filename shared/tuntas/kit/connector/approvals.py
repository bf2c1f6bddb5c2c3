"""Whether a command that obliges or moves money was approved: checked by the connector, so that a compromised executor spends nothing."""

from collections.abc import Callable

from tuntas.contracts.connectors import StepStarted
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Approval, Line, Phase, Statement
from tuntas.kit.connector.effects import LIVE, Effect, Effects
from tuntas.kit.connector.provider import Specs
from tuntas.kit.decision import Context
from tuntas.kit.errors import Rejected


def authorized(
    open_approval: Callable[[Approval], Statement], specs: Specs, state: Effects, message: StepStarted, effect: Effect, context: Context
) -> int:
    """Check a command against its approval (protocol 6) and return the approval's revision.

    Raises:
        Rejected: `not_approved`, `forged_approval`, `foreign_approval`, `stale_approval`, `not_in_approval`, `approval_expired`,
            `amount` (more than the line allows), `payee`, `over_ceiling` (protocol P12).
    """
    if message.approval is None:
        raise Rejected("not_approved")
    statement = open_approval(message.approval)
    if (statement.tenant, statement.task_id) != (context.tenant, str(context.task_id)):
        raise Rejected("foreign_approval")
    if statement.revision < state.revision:
        raise Rejected("stale_approval")
    phase = specs.actions[effect.action].phase
    if context.now > (statement.capture_by if phase is Phase.CAPTURE else statement.authorize_by):
        raise Rejected("approval_expired")
    line = next((entry for entry in statement.lines if entry.step_id == effect.step_id), None)
    if line is None:
        raise Rejected("not_in_approval", effect.step_id)
    _within_line(line, effect)
    if "payee" in effect.input:
        _once(line, state, effect)
    if phase is Phase.AUTHORIZE:
        _within_ceiling(statement, state, effect)
    return statement.revision


def _within_line(line: Line, effect: Effect) -> None:
    for payee in (effect.provider, str(effect.input.get("payee", effect.provider))):
        if payee not in line.payees:
            raise Rejected("payee", payee[:64])
    amount = effect.amount
    if amount is None:
        raise Rejected("amount", "what obliges needs one")
    if amount.currency != line.ceiling.currency or amount.amount_minor > line.ceiling.amount_minor:
        raise Rejected("amount", f"{amount} above {line.ceiling}")
    instrument = effect.input.get("instrument")
    if instrument is not None and instrument not in line.instruments:
        raise Rejected("instrument", str(instrument)[:64])


def _once(line: Line, state: Effects, effect: Effect) -> None:
    """What sends money to somebody is not done beside another that is alive: together they stay within the line."""
    alive = [e.amount for e in state.effects.values() if e.step_id == line.step_id and e.state in LIVE and e.amount]
    total = sum(m.amount_minor for m in (*alive, effect.amount) if m)
    if total > line.ceiling.amount_minor:
        raise Rejected("over_ceiling", str(Money(amount_minor=total, currency=line.ceiling.currency)))


def _within_ceiling(statement: Statement, state: Effects, effect: Effect) -> None:
    """Live authorizations of the task, this one included, stay within the approved ceiling: a second use finds nothing left."""
    if effect.amount is None:
        raise Rejected("amount", "an authorization needs one")
    currency = effect.amount.currency
    held = [e.amount for e in state.effects.values() if e.state in LIVE and e.action == effect.action and e.amount]
    total = sum(m.amount_minor for m in [*held, effect.amount] if m.currency == currency)
    if total > statement.ceilings.get(currency, 0):
        raise Rejected("over_ceiling", str(Money(amount_minor=total, currency=currency)))
