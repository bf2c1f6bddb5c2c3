"""Whether a mandate covers a plan, as codes; none means yes."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from tuntas.contracts.money import within
from tuntas.contracts.plan import Plan
from tuntas.contracts.trust import Mandate
from tuntas.trust.state import Wallet

OVER_BUDGET = "over_budget"
"""The one reason that a person's yes does not lift."""


def uncovered(plan: Plan, wallet: Wallet, reserve: Mapping[str, int], now: datetime) -> tuple[str, ...]:
    """Return why a plan needs a person's own yes, or with `over_budget` may not run at all; `reserve` is what it adds to the wallet's hold.

    A mandate without instruments allows any; one without a limit for undoing does not bound it.
    """
    if wallet.mandate is None:
        return ("no_mandate",)
    if now >= wallet.mandate.expires_at:
        return ("mandate_expired",)
    return tuple(_reasons(plan, wallet.mandate, wallet, reserve))


def covers(mandate: Mandate, goal_type: str) -> bool:
    """Say whether a goal type is named, exactly or by a prefix that ends in `.*`."""
    return any(goal_type == name or (name.endswith(".*") and goal_type.startswith(name[:-1])) for name in mandate.goal_types)


def _reasons(plan: Plan, mandate: Mandate, wallet: Wallet, reserve: Mapping[str, int]) -> Iterator[str]:
    if not all(covers(mandate, goal.type) for goal in plan.goals):
        yield "goal_not_covered"
    if not within(plan.ceilings, mandate.per_task):
        yield "over_limit"
    if any(_total(wallet, c, reserve) > mandate.budget.get(c, 0) for c in plan.ceilings):
        yield OVER_BUDGET
    if mandate.undo_fee_limit and not within(plan.worst_undo, mandate.undo_fee_limit):
        yield "undo_too_dear"
    if mandate.instruments and plan.instrument not in mandate.instruments:
        yield "instrument_not_allowed"


def _total(wallet: Wallet, currency: str, reserve: Mapping[str, int]) -> int:
    return wallet.reserved.get(currency, 0) + wallet.spent.get(currency, 0) + reserve.get(currency, 0)
