"""Calls on their way to providers and back: answered, lost before or after they acted, or late."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tuntas.kit.decision import Answered, Call
from tuntas.testkit.actors import Market
from tuntas.testkit.invariants import Judge
from tuntas.testkit.world import World


@dataclass(frozen=True)
class Wire:
    """Makes the calls of all services in one history."""

    world: World
    judge: Judge
    market: Market

    def answer(self, call: Call) -> Answered:
        """Make a call; return what it brings back."""
        roll, lost = self.world.moods.roll, Answered(call, code="no_answer", lost=True)
        if call.kind == "quote":
            return lost if roll("lost") else Answered(call, result=self.market.quote(call.body, self.world.now))
        if roll("unsent"):
            return Answered(call, code=self.world.rng.choice(["unreachable", "parked"]))
        if roll("dropped"):
            return lost
        if roll("late"):
            self._postpone(call)
            return lost
        result = self._arrive(call)
        return lost if roll("lost") else Answered(call, result=result)

    def abandoned(self, call: Call) -> None:
        """Let a call's process die before it heard: the request never left, arrives now, or is on its way."""
        fate = self.world.rng.choice(["never", "now", "late"]) if call.kind != "quote" else "never"
        if fate == "now":
            self._arrive(call)
        elif fate == "late":
            self._postpone(call)

    def _arrive(self, call: Call) -> Any:
        with self.world.noted():
            self.judge.called(call)
        return self.market.houses[call.party].handle(call, self.world.now)

    def _postpone(self, call: Call) -> None:
        """The request is on its way for a while: as long as the manifest says at most, or rarely longer, which must be found out."""
        under_way = self.judge.wire
        under_way.append(call)

        def arrive() -> None:
            under_way.remove(call)
            self.world.tell("arrives late", call.kind, call.key, self._arrive(call))

        self.world.agenda.plan(self.world.now + timedelta(seconds=self._delay(call)), arrive)

    def _delay(self, call: Call) -> float:
        house, rng = self.market.houses[call.party], self.world.rng
        if call.kind == "act" and house.spec.honours_keys and not house.money and self.world.moods.roll("broken"):
            house.overdue.add(call.key)
            return house.spec.settle_seconds * rng.uniform(1, 3)
        return rng.uniform(0, 0.9 * house.spec.settle_seconds)
