"""Who is outside the services: providers' offers, the person who asks, approves and cancels, the other side, and operators."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from tuntas.contracts.base import Document
from tuntas.contracts.connectors import QuoteRequested
from tuntas.contracts.ids import derive
from tuntas.contracts.intent import IntentResolved
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Goal, Offer, OfferStep, StepKind, UndoTerms
from tuntas.contracts.registry import GoalType, ProviderSpec
from tuntas.contracts.saga import SagaRepair
from tuntas.contracts.trust import Mandate
from tuntas.testkit.history import START
from tuntas.testkit.houses import House
from tuntas.testkit.moods import Moods
from tuntas.testkit.world import Part

CURRENCY = "IDR"
PERSON = derive("simulated", "person")


@dataclass(frozen=True)
class Kind:
    """A goal type of a connector, and the providers that sell it."""

    connector: str
    goal: GoalType
    sellers: tuple[ProviderSpec, ...]


@dataclass(frozen=True)
class Cast:
    """What is simulated: the services, and what their connectors sell. `kinds` with `settles` are the payment leg."""

    parts: tuple[Part, ...]
    kinds: tuple[Kind, ...]

    def wishes(self) -> list[Kind]:
        """Return what a person can want."""
        return [kind for kind in self.kinds if not kind.goal.settles]


def houses(cast: Cast, temper: Moods) -> dict[str, House]:
    """Return the providers by name."""
    return {
        spec.name: House(spec, kind.goal.settles, kind.goal.actions[0].action, temper, {}) for kind in cast.kinds for spec in kind.sellers
    }


def intent(cast: Cast, rng: Random) -> IntentResolved:
    """Return what a person wants: one or two goals."""
    wanted = rng.sample(cast.wishes(), rng.randint(1, len(cast.wishes())))
    goals = tuple(Goal(goal_id=f"goal{n + 1}", type=kind.goal.name, parameters={}) for n, kind in enumerate(wanted))
    return IntentResolved(person=PERSON, instrument="card", tz="Asia/Jakarta", lang="id", goals=goals)


def mandate(cast: Cast, rng: Random) -> Mandate | None:
    """Return a mandate that covers all, that is too small for most, with little for undoing, or none."""
    if rng.random() < 0.15:
        return None
    small, thrifty = rng.random() < 0.2, rng.random() < 0.2
    return Mandate(
        goal_types=tuple(kind.goal.name for kind in cast.wishes()),
        per_task={CURRENCY: 50_000 if small else 900_000},
        budget={CURRENCY: rng.choice([250_000, 900_000, 9_000_000])},
        undo_fee_limit={CURRENCY: 5_000} if thrifty else {},
        expires_at=START + timedelta(days=1),
    )


class Market:
    """Quotes: some sellers' offers, best known only to them."""

    def __init__(self, cast: Cast, temper: Moods, known: Mapping[str, House]) -> None:
        self.cast, self.moods, self.houses = cast, temper, known
        self._count = 0

    def quote(self, body: Document, now: datetime) -> Document:
        """Answer a quote call as a connector's shell would."""
        asked = QuoteRequested.model_validate(body)
        kind = next(kind for kind in self.cast.kinds if kind.goal.name == asked.goal.type)
        if self.moods.roll("quoteless"):
            return {"offers": [], "code": "no_offer"}
        rng = self.moods.rng
        sellers = [spec for spec in kind.sellers for _ in range(rng.randint(0, 2))] or [kind.sellers[0]]
        offers = (
            [self._charge(kind, spec) for spec in kind.sellers] if kind.goal.settles else [self._offer(kind, spec, now) for spec in sellers]
        )
        return {"offers": [offer.model_dump(mode="json") for offer in offers], "code": None}

    def _offer(self, kind: Kind, spec: ProviderSpec, now: datetime) -> Offer:
        rng = self.moods.rng
        price, fee = rng.randrange(80_000, 120_000, 1_000), rng.choice([0, 0, 10_000])
        fixed = rng.random() < 0.35
        terms = UndoTerms() if fixed else UndoTerms(fee=_idr(fee))
        steps = _steps(kind, StepKind.PIVOT if fixed and StepKind.PIVOT in kind.goal.actions[1].kinds else StepKind.COMPENSATABLE, terms)
        self._count += 1
        offer_id = f"offer-{self._count}"
        steps = tuple(step.model_copy(update={"input": {"offer_id": offer_id}}) for step in steps)
        lasts = timedelta(seconds=rng.choice([60, 1_800, 1_800]))
        offer = Offer(
            offer_id=offer_id, provider=spec.name, payee=spec.name, title=offer_id, price=_idr(price), expires_at=now + lasts, steps=steps
        )
        self.houses[spec.name].offers[offer_id] = offer
        return offer

    def _charge(self, kind: Kind, spec: ProviderSpec) -> Offer:
        steps = _steps(kind, kind.goal.actions[1].kinds[0], UndoTerms(partly=spec.honours_keys))
        steps = tuple(step.model_copy(update={"moves_money": True, "obliges": True}) for step in steps)
        return Offer(
            offer_id=f"card:{spec.name}",
            provider=spec.name,
            payee=spec.name,
            title="card",
            expires_at=START + timedelta(days=1),
            steps=steps,
        )


def _steps(kind: Kind, second: StepKind, terms: UndoTerms) -> tuple[OfferStep, ...]:
    first, last = kind.goal.actions
    names = [action.action.rpartition(".")[2] for action in (first, last)]
    return (
        OfferStep(name=names[0], action=first.action, kind=first.kinds[0], phase=first.phase),
        OfferStep(name=names[1], action=last.action, kind=second, phase=last.phase, acts_on=names[0], obliges=True, undo=terms),
    )


def _idr(minor: int) -> Money:
    return Money(amount_minor=minor, currency=CURRENCY)


def repair(saga: Any, rng: Random, round_: int) -> SagaRepair | None:
    """Return what an operator does about a resting saga; sooner or later what can't be undone is kept, and what is stuck is rolled back."""
    waiting = sorted((e for e in saga.effects.values() if e.stage == "waiting"), key=lambda e: e.declaration.start)  # as told, not as kept
    if saga.aim is None:
        return _order("retry" if round_ < 4 else "force", None)
    if not waiting:
        return None
    effect = rng.choice(waiting)
    if effect.quote_id and rng.random() < 0.5:
        return _order("accept_fee", effect.key)
    skips = round_ > 7 or (round_ > 2 and rng.random() < 0.5)
    return _order("skip" if skips else "retry", effect.key)


def _order(action: str, key: UUID | None) -> SagaRepair:
    return SagaRepair.model_validate({"action": action, "key": key, "by": "operator", "reason": "simulated"})
