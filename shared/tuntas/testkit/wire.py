"""Calls on their way to providers and back: answered, lost before or after they acted, or late."""

from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tuntas.kit.decision import Answered, Call
from tuntas.testkit.actors import Market
from tuntas.testkit.invariants import Judge
from tuntas.testkit.moods import Moods
from tuntas.testkit.world import Agenda, Errand, Shelf, World


@dataclass(frozen=True)
class Wire:
    """Makes the calls of all services in one history."""

    world: World
    agenda: Agenda
    moods: Moods
    judge: Judge
    market: Market
    trace: deque[tuple[Any, ...]]

    def perform(self, shelf: Shelf, errand: Errand) -> None:
        """Make a call; what it brings back is taken later."""
        errand.result, call = self._answer(errand), errand.call
        self.trace.append((self.world.now, shelf.part.name, "calls", call.party, call.kind, call.key, errand.result))

    def _answer(self, errand: Errand) -> Answered:
        call, roll, lost = errand.call, self.moods.roll, Answered(errand.call, code="no_answer", lost=True)
        if call.kind == "quote":
            return lost if roll("lost") else Answered(call, result=self.market.quote(call.body, self.world.now))
        if roll("unsent"):
            return Answered(call, code=self.moods.rng.choice(["unreachable", "parked"]))
        if roll("dropped"):
            return lost
        if roll("late"):
            self._postpone(errand)
            return lost
        result = self._arrive(errand)
        return lost if roll("lost") else Answered(call, result=result)

    def crash(self, shelf: Shelf) -> None:
        """Let a service's process die: what its calls brought back is lost, whether they arrived or not."""
        self.trace.append((self.world.now, shelf.part.name, "dies"))
        for errand in shelf.work.values():
            under_way = errand.alive and not errand.result and errand.call.kind != "quote"
            fate = self.moods.rng.choice(["never", "now", "late"]) if under_way else "never"
            if fate == "now":
                self._arrive(errand)
            elif fate == "late":
                self._postpone(errand)
            errand.alive, errand.result = False, None

    def _arrive(self, errand: Errand) -> Any:
        self.judge.called(errand.call)
        return self.market.houses[errand.call.party].handle(errand.call, self.world.now)

    def _postpone(self, errand: Errand) -> None:
        """The request is on its way for a while: as long as the manifest says at most, or rarely longer, which must be found out."""
        call, under_way = errand.call, self.judge.wire
        under_way.append(call)

        def arrive() -> None:
            under_way.remove(call)
            self.trace.append((self.world.now, "arrives late", call.kind, call.key, self._arrive(errand)))

        self.agenda.plan(self.world.now + timedelta(seconds=self._delay(call)), arrive)

    def _delay(self, call: Call) -> float:
        house, rng = self.market.houses[call.party], self.moods.rng
        if call.kind == "act" and house.spec.honours_keys and not house.money and self.moods.roll("broken"):
            self.judge.excused.add(call.key)
            return house.spec.settle_seconds * rng.uniform(1, 3)
        return rng.uniform(0, 0.9 * house.spec.settle_seconds)
