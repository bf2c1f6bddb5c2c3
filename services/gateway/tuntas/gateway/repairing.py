"""Which tasks a repair is meant for, about which of their effects, and what is at stake. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from tuntas.contracts.base import Contract
from tuntas.contracts.money import Amounts
from tuntas.contracts.saga import RepairAction
from tuntas.kit.operations import Stuck


class Target(Contract):
    """One task of a repair: the effect that is decided about (none: whatever waits), and the version of the saga that was seen."""

    task_id: UUID
    tenant: str
    key: UUID | None = None
    expected: int | None = None
    money_at_risk: Amounts


class _Aim(NamedTuple):
    meant: bool
    key: UUID | None = None


def targets(found: Iterable[Stuck], action: RepairAction, limit: int, key: UUID | None = None) -> list[Target]:
    """Return the tasks that an action would change something in, in the order given, at most `limit` of them.

    What is decided about one effect is decided about the first that waits, or about the one named by `key`.
    """
    chosen: list[Target] = []
    for line, facts in found:
        aim = _aim(facts.doc("saga"), action)
        if aim.meant and len(chosen) < limit:
            at_risk = line.money_at_risk
            about = key or aim.key
            chosen.append(Target(task_id=line.task_id, tenant=line.tenant, key=about, expected=line.version, money_at_risk=at_risk))
    return chosen


def _aim(saga: Mapping[str, Any], action: RepairAction) -> _Aim:
    """Say whether a saga is one that the action is meant for, and about which effect."""
    rests = saga.get("status") == "needs_attention"
    effects = sorted(saga.get("effects", {}).values(), key=lambda effect: -int(effect["declaration"]["start"]))
    waiting = [e for e in effects if e.get("stage") == "waiting" and (action != "accept_fee" or e.get("quote_id"))]
    if action == "force":
        return _Aim((rests or saga.get("status") == "halting") and not saga.get("aim"))
    if action == "retry":
        return _Aim(rests or bool(waiting))
    doubtful = [e for e in effects if e.get("stage", "standing") == "standing" and e.get("listed") != "done"]
    by_hand = doubtful if rests and not saga.get("aim") and action != "accept_fee" else []
    first = next(iter([*waiting, *by_hand]), None)
    return _Aim(first is not None, UUID(str(first["declaration"]["key"])) if first else None)


def total(chosen: Iterable[Target]) -> Amounts:
    """Return the money at risk in all of them, each currency by itself."""
    sums: Amounts = {}
    for target in chosen:
        for currency, amount in target.money_at_risk.items():
            sums[currency] = sums.get(currency, 0) + amount
    return sums
