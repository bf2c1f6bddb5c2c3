"""Which offers: the best combination by typed criteria alone, inside the budget, with at most one irreversible leg."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import ValidationError

from tuntas.contracts.money import Amounts, Money, total
from tuntas.contracts.plan import Goal, Offer, StepKind
from tuntas.kit.errors import Rejected
from tuntas.planner.ordering import pivots, well_formed
from tuntas.planner.policy import Policy

_FRONT = 32
_FAR = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Candidates:
    """One leg's offers, best first. A `kept` leg is not chosen again: its first offer stands, its others are its alternatives."""

    leg_id: str
    offers: tuple[Offer, ...]
    kept: bool = False

    @property
    def ceiling(self) -> int:
        """The dearest of the offers, in minor units."""
        return max(price(offer) for offer in self.offers)


@dataclass(frozen=True, slots=True)
class Bound:
    """A budget and the legs that it has to pay for."""

    limit: Money
    legs: frozenset[str]


class _Pick(NamedTuple):
    score: int
    picks: tuple[int, ...]
    pivots: int
    spent: int


def price(offer: Offer) -> int:
    """Return an offer's price in minor units; one without a price is free."""
    return offer.price.amount_minor if offer.price else 0


def fees(offer: Offer) -> Amounts:
    """Return what undoing would cost at worst; at an irreversible step without terms all is lost."""
    if offer.price and any(s.kind is StepKind.PIVOT and s.undo.fee is None for s in offer.steps):
        return total([offer.price])
    return total(s.undo.fee for s in offer.steps if s.undo.fee and (s.obliges or s.moves_money))


def worst_of(offers: Iterable[Offer]) -> Amounts:
    """Return the dearest undoing of these offers, each currency by itself."""
    worst: Amounts = {}
    for offer in offers:
        worst |= {currency: max(fee, worst.get(currency, 0)) for currency, fee in fees(offer).items()}
    return worst


def usable(offer: Offer, until: datetime) -> bool:
    """Say whether an offer is well formed and lasts beyond an instant."""
    return offer.expires_at > until and well_formed(offer)


def score(offer: Offer, policy: Policy) -> int:
    """Return the price plus a part of the worst undo fee, in hundredths of a minor unit; the lowest is best."""
    return price(offer) * 100 + sum(fees(offer).values()) * policy.undo_weight_percent


def ranked(offers: Iterable[Offer], policy: Policy) -> tuple[Offer, ...]:
    """Return offers best first: score, then earlier departure, then the connector's own order."""
    return tuple(sorted(offers, key=lambda offer: (score(offer, policy), departure(offer) or _FAR)))


def departure(offer: Offer) -> datetime | None:
    """Return when an offer departs, if its details say so with an offset."""
    try:
        found = datetime.fromisoformat(str(offer.details.get("departs_at")))
    except ValueError:
        return None
    return found if found.tzinfo else None


def budgets(goals: Sequence[Goal]) -> tuple[Bound, ...]:
    """Return the budgets that goals name. A single one, named once or often, bounds the whole trip; of several, each bounds its own goals.

    Raises:
        Rejected: `invalid_goal`: a budget is not an amount of money.
    """
    named: dict[Money, set[str]] = {}
    for goal in goals:
        if (budget := goal.parameters.get("budget")) is not None:
            named.setdefault(_money(budget), set()).add(goal.goal_id)
    if len(named) == 1:
        named = {limit: {goal.goal_id for goal in goals} for limit in named}
    return tuple(Bound(limit, frozenset(legs)) for limit, legs in named.items())


def _money(budget: object) -> Money:
    try:
        return Money.model_validate(budget)
    except ValidationError as error:
        raise Rejected("invalid_goal", "budget") from error


def one_currency(legs: Sequence[Candidates], bounds: Sequence[Bound]) -> tuple[str | None, tuple[Candidates, ...]]:
    """Return the currency in which every leg can be had (None: all is free), and the legs with the offers in it.

    Raises:
        Rejected: `mixed_currencies`: there is none, or a budget is in another.
    """
    priced = dict.fromkeys(o.price.currency for leg in legs for o in leg.offers if o.price)
    if not priced:
        return None, tuple(legs)
    limits = {bound.limit.currency for bound in bounds}
    for currency in priced:
        kept = tuple(_in_currency(leg, currency) for leg in legs)
        if limits <= {currency} and all(leg.offers for leg in kept):
            return currency, kept
    raise Rejected("mixed_currencies", ", ".join(sorted({*priced, *limits})))


def _in_currency(leg: Candidates, currency: str) -> Candidates:
    return Candidates(leg.leg_id, tuple(o for o in leg.offers if o.price is None or o.price.currency == currency), leg.kept)


def choose(legs: Sequence[Candidates], bounds: Sequence[Bound], policy: Policy) -> tuple[int, ...]:
    """Return for each leg which of its offers is chosen: the lowest sum of scores within every budget, at most one leg irreversible.

    Exact while at most 32 undominated partial choices of a budget remain; of more, an even sample with both ends goes on, so that a
    budget that can be kept is kept.

    Raises:
        Rejected: `over_budget`, with the cheapest total; `two_pivots`.
    """
    if found := _search(legs, bounds, policy):
        return tuple(found[leg.leg_id] for leg in legs)
    cheapest = _search(legs, (), Policy(undo_weight_percent=0))
    if cheapest is None:
        raise Rejected("two_pivots", ", ".join(leg.leg_id for leg in legs if all(pivots(o) for o in leg.offers)))
    least = sum(_cost(leg, cheapest[leg.leg_id]) for leg in legs)
    raise Rejected("over_budget", f"the cheapest total is {Money(amount_minor=least, currency=bounds[0].limit.currency)}")


def _search(legs: Sequence[Candidates], bounds: Sequence[Bound], policy: Policy) -> dict[str, int] | None:
    """Each budget's legs are chosen by themselves, without and with an irreversible one; then at most one budget gets that leg."""
    bounded = frozenset(leg_id for b in bounds for leg_id in b.legs)
    limits: list[tuple[frozenset[str], int | None]] = [(b.legs, b.limit.amount_minor) for b in bounds]
    limits.append((frozenset(leg.leg_id for leg in legs) - bounded, None))
    groups = [([leg for leg in legs if leg.leg_id in ids], limit) for ids, limit in limits]
    best = [_best(group, limit, policy) for group, limit in groups]
    options = [[pair[n == at] for n, pair in enumerate(best)] for at in range(-1, len(best))]
    whole = [[pick for pick in option if pick] for option in options]
    chosen = min((o for o in whole if len(o) == len(best)), key=lambda o: sum(pick.score for pick in o), default=None)
    if chosen is None:
        return None
    return {
        leg.leg_id: index for (group, _), pick in zip(groups, chosen, strict=True) for leg, index in zip(group, pick.picks, strict=True)
    }


def _best(legs: Sequence[Candidates], limit: int | None, policy: Policy) -> tuple[_Pick | None, _Pick | None]:
    front = [_Pick(0, (), 0, 0)]
    for leg in legs:
        offered = [(i, score(o, policy), pivots(o), _cost(leg, i)) for i, o in enumerate(leg.offers[:1] if leg.kept else leg.offers)]
        grown = [_Pick(f.score + s, (*f.picks, i), f.pivots + n, f.spent + c) for f in front for i, s, n, c in offered]
        front = _undominated(pick for pick in grown if pick.pivots <= 1 and (limit is None or pick.spent <= limit))
    return _least(front, 0), _least(front, 1)


def _least(front: Iterable[_Pick], count: int) -> _Pick | None:
    return min((pick for pick in front if pick.pivots == count), default=None)


def _undominated(picks: Iterable[_Pick]) -> list[_Pick]:
    fronts: tuple[list[_Pick], list[_Pick]] = ([], [])
    for pick in sorted(picks):
        if all(not better or pick.spent < better[-1].spent for better in fronts[: pick.pivots + 1]):
            fronts[pick.pivots].append(pick)
    return [pick for front in fronts for pick in _sampled(front)]


def _sampled(picks: list[_Pick]) -> list[_Pick]:
    if len(picks) <= _FRONT:
        return picks
    last = len(picks) - 1
    return [picks[n * last // (_FRONT - 1)] for n in range(_FRONT)]


def _cost(leg: Candidates, index: int) -> int:
    return leg.ceiling if leg.kept else price(leg.offers[index])


def with_alternatives(legs: Sequence[Candidates], picks: Sequence[int], bounds: Sequence[Bound], policy: Policy) -> tuple[Candidates, ...]:
    """Return each leg with its chosen offer first, then alternatives: of the same shape, dearer by the headroom at most, within budget."""
    slack = {
        b: b.limit.amount_minor - sum(_cost(leg, i) for leg, i in zip(legs, picks, strict=True) if leg.leg_id in b.legs) for b in bounds
    }
    done = []
    for leg, pick in zip(legs, picks, strict=True):
        mine = [b for b in bounds if leg.leg_id in b.legs]
        done.append(leg if leg.kept else _with_alternatives(leg, pick, min((slack[b] for b in mine), default=None), policy))
        for bound in mine:
            slack[bound] -= 0 if leg.kept else done[-1].ceiling - price(leg.offers[pick])
    return tuple(done)


def _with_alternatives(leg: Candidates, pick: int, slack: int | None, policy: Policy) -> Candidates:
    chosen = leg.offers[pick]
    room = price(chosen) * policy.headroom_percent // 100
    most = price(chosen) + (room if slack is None else min(room, slack))
    others = [o for o in leg.offers if o.offer_id != chosen.offer_id and o.kinds() == chosen.kinds() and price(o) <= most]
    return Candidates(leg.leg_id, (chosen, *others[: policy.alternatives]))
