"""Chosen offers to ordered steps: forward by reversibility, so that what can't be undone comes when little can still fail."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tuntas.contracts.plan import Offer, OfferStep, Phase, Step, StepKind
from tuntas.kit.errors import Rejected

_RANK = {phase: rank for rank, phase in enumerate(Phase)}
_PHASE = {rank: phase for phase, rank in _RANK.items()}


@dataclass(frozen=True, slots=True)
class _Placed:
    leg_id: str
    step: OfferStep
    phase: int

    @property
    def step_id(self) -> str:
        return f"{self.leg_id}.{self.step.name}"

    @property
    def acts_on(self) -> str | None:
        return f"{self.leg_id}.{self.step.acts_on}" if self.step.acts_on else None


def well_formed(offer: Offer) -> bool:
    """Say whether steps have names of their own and act on earlier steps, and price and fees are in one currency and not negative."""
    names: set[str] = set()
    for step in offer.steps:
        if step.name in names or (step.acts_on is not None and step.acts_on not in names):
            return False
        names.add(step.name)
    amounts = [m for m in (offer.price, *(step.undo.fee for step in offer.steps)) if m]
    return all(m.amount_minor >= 0 for m in amounts) and len({m.currency for m in amounts}) <= 1


def pivots(offer: Offer) -> int:
    """Return how many steps of an offer can't be undone."""
    return sum(step.kind is StepKind.PIVOT for step in offer.steps)


def order(chosen: Sequence[tuple[str, Offer]]) -> tuple[Step, ...]:
    """Return the steps of these legs' offers, each after all that it needs; ceilings are not set yet.

    A step needs what it acts on and every step of all earlier phases; what others imply is left out, so independent steps run in parallel.

    Raises:
        Rejected: `two_pivots`, or `failable_after_pivot`: a step that may be refused would follow the irreversible one.
    """
    placed = sorted((p for leg_id, offer in chosen for p in _place(leg_id, offer)), key=lambda p: p.phase)
    _check(placed)
    needs: dict[str, frozenset[str]] = {}
    return tuple(_step(p, placed, needs) for p in placed)


def _place(leg_id: str, offer: Offer) -> Iterable[_Placed]:
    phases: dict[str, int] = {}
    for step in offer.steps:
        below = phases[step.acts_on] if step.acts_on else 0
        phases[step.name] = max(_own_phase(step), below)
        yield _Placed(leg_id, step, phases[step.name])


def _own_phase(step: OfferStep) -> int:
    # The kind decides: a connector that calls an irreversible step a confirmation must not have it run beside others.
    if step.kind is StepKind.PIVOT:
        return _RANK[Phase.PIVOT]
    return _RANK[Phase.CONFIRM] if step.phase is Phase.PIVOT else _RANK[step.phase]


def _check(placed: Sequence[_Placed]) -> None:
    at = [n for n, p in enumerate(placed) if p.step.kind is StepKind.PIVOT]
    if len(at) > 1:
        raise Rejected("two_pivots", ", ".join(placed[n].step_id for n in at))
    if not at:
        return
    pivot = placed[at[0]]
    late = [p.step_id for p in placed if p is not pivot and p.phase >= pivot.phase and p.step.kind is not StepKind.RETRIABLE]
    if late:
        raise Rejected("failable_after_pivot", ", ".join(late))


def _step(placed: _Placed, everything: Sequence[_Placed], above: dict[str, frozenset[str]]) -> Step:
    direct = {p.step_id for p in everything if p.phase < placed.phase} | ({placed.acts_on} if placed.acts_on else set())
    implied = frozenset[str]().union(*(above[n] for n in direct))
    above[placed.step_id] = implied | direct
    return Step(
        step_id=placed.step_id,
        leg_id=placed.leg_id,
        name=placed.step.name,
        kind=placed.step.kind,
        phase=_PHASE[placed.phase],
        needs=tuple(p.step_id for p in everything if p.step_id in direct - implied),
        acts_on=placed.acts_on,
    )
