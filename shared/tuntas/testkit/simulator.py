"""A seeded simulation of whole histories: what happens next, and what goes wrong, is drawn from one number.

The services' real decisions run through the kit's own runtime (`Cluster`) or through its fold alone (`Alone`); topics, databases,
providers, people and the clock are simulated. A history ends: faults stop, everything is answered, operators repair what rests, and the
books are compared with what the providers hold.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any, NoReturn
from uuid import UUID

from tuntas.contracts.connectors import ProviderNotified
from tuntas.contracts.executor import StepRetry
from tuntas.contracts.ids import derive, digest
from tuntas.contracts.saga import EffectState, SagaEnded, SagaNeedsAttention, SagaOutcome, SagaUndo
from tuntas.contracts.topics import connector_commands
from tuntas.contracts.trust import ApprovalAsked, MandateSet, PlanDecided, TaskCancel
from tuntas.testkit import actors
from tuntas.testkit.actors import Cast
from tuntas.testkit.alone import Alone
from tuntas.testkit.cluster import Cluster
from tuntas.testkit.houses import Item
from tuntas.testkit.invariants import Judge
from tuntas.testkit.log import Violation
from tuntas.testkit.moods import PROCESSES, moods
from tuntas.testkit.story import story
from tuntas.testkit.wire import Wire
from tuntas.testkit.world import World

REST_STEPS = 6_000
ROUNDS = 14
SILENCE = timedelta(hours=1)
"""When nothing was said for so long, nothing will be, though something may be looked at now and then."""


class Simulation:
    """One history. `run` plays it to its end."""

    def __init__(self, cast: Cast, seed: int, stage: type[World] = Cluster, muted: frozenset[int] = frozenset()) -> None:
        self.seed, self.cast = seed, cast
        self.rng = Random(seed)
        self.moods = moods(self.rng, muted=muted) if stage is Alone else moods(self.rng, PROCESSES, muted=muted)
        astray = Random(seed) if seed % 3 == 1 else None
        self.world = stage(cast.parts, self.rng, self.moods, kept=seed % 4 == 0, mixed=seed % 6 == 0, astray=astray)
        self.agenda = self.world.agenda
        self.houses = actors.houses(cast, self.moods)
        self.judge = self.world.judge = Judge(self.world, self.houses, explains=seed % 20 == 0)
        self.world.wire = Wire(self.world, self.judge, actors.Market(cast, self.moods, self.houses))
        self._whims = Random(seed) if seed % 4 == 2 else None
        self.steps = 0
        self.tasks = [derive("simulated", seed, n) for n in range(self.rng.choice([1, 1, 2]))]
        self.plans: list[tuple[int, Callable[..., Any]]] = []
        self._heard = 0
        self._asked: set[str] = set()
        self._begin()

    def run(self) -> "Simulation":
        """Play the history.

        Raises:
            Violation: an invariant does not hold; the message has the seed, the step and what happened before.
        """
        try:
            self._play()
        except Violation as found:
            self._report(found)
        finally:
            self.world.close()
        return self

    def fingerprint(self) -> str:
        """Return a digest of all that was published: the same for the same seed."""
        return digest("".join(str(entry.record.id) for entry in self.world.log.entries))

    def _report(self, found: Violation) -> NoReturn:
        raise Violation(f"{found}\nseed {self.seed}, step {self.steps}; what happened before:\n{story(self.world.trace)}") from found

    # What is planned at the beginning

    def _begin(self) -> None:
        self.world.say("gateway", actors.PERSON, MandateSet(person=actors.PERSON, mandate=actors.mandate(self.cast, self.rng)))
        for task in self.tasks:
            self.at(self.rng.uniform(0, 30), lambda task=task: self.world.say("intent", task, actors.intent(self.cast, self.rng)))
            for _ in range(self.rng.choice([0, 0, 0, 1, 1, 2])):
                self.when(self.rng.randint(8, 110), lambda task=task: self.world.say("gateway", task, TaskCancel(by="person")))
        for _ in range(self.rng.choice([0, 0, 0, 1, 2])):
            self.when(self.rng.randint(25, 150), self._other_side)

    def at(self, seconds: float, act: Callable[..., Any]) -> None:
        """Plan something that happens by itself."""
        self.agenda.plan(self.world.now + timedelta(seconds=seconds), act)

    def when(self, count: int, act: Callable[..., Any]) -> None:
        """Plan something for the time when so many records were published, or for a while later if there are never so many."""
        waits = [act]

        def once() -> None:
            while waits:
                waits.pop()()

        self.plans.append((count, once))
        self.at(self.rng.uniform(600, 5000), once)

    def _other_side(self) -> None:
        found = [
            (house, item) for house in self.houses.values() for item in house.items if item.state in {"held", "bought"} and not item.money
        ]
        if found:
            house, item = self.rng.choice(found)
            self.world.tell("the other side cancels", item)
            house.end(item, "cancelled_by_provider")

    # The course of events

    def _play(self) -> None:
        for _ in range(self.rng.randint(100, 600)):
            if not self._step(patient=False):
                break
        self.world.calm()
        for house in self.houses.values():
            for item in house.items:
                item.stubborn = item.stubborn and self.rng.random() < 0.5
        for round_ in range(ROUNDS):
            self._rest()
            self.judge.rested()
            if not self._repair(round_):
                break
        self.judge.over(self.tasks)

    def _rest(self) -> None:
        told, since = len(self.world.log.entries), self.world.now
        for _ in range(REST_STEPS):
            if not self._step(patient=True):
                return
            if self.agenda or len(self.world.log.entries) > told:
                told, since = len(self.world.log.entries), self.world.now
            elif self.world.now - since > SILENCE:
                return
        raise Violation("P17: it does not come to rest")

    def _repair(self, round_: int) -> bool:
        return any([self._repair_one(task, round_) for task in self.tasks])  # noqa: C419 - every task has its turn

    def _repair_one(self, task: UUID, round_: int) -> bool:
        order = actors.repair(self.world.shelves["saga"].state(task), self.rng, round_) if self.judge.rests(task) else None
        if order:
            self.world.tell("operator", order)
            self.judge.touched.add(task)
            self.world.say("gateway", task, order)
        return order is not None

    def _step(self, *, patient: bool) -> bool:
        """Let one thing happen; say whether there was anything. Patient: time passes only when nothing else is left to do."""
        self.steps += 1
        options = self.world.options()
        if options and (patient or self.rng.random() < 0.9):
            self.rng.choice(options)()
        elif not self._pass(idle=not options):
            return False
        if self.world.found:
            raise self.world.found
        self._listen()
        self.judge.look()
        return True

    def _pass(self, *, idle: bool) -> bool:
        """Let time pass: a little while there is something to do, else until something happens."""
        instants = [*self.world.instants(), *self.agenda.instants()]
        instants += [at for house in self.houses.values() for at in house.instants()]
        if not instants:
            return not idle
        soonest = max(self.world.now, min(instants))
        until = soonest if idle else min(soonest, self.world.now + timedelta(seconds=self.rng.choice([0.1, 1, 5])))
        self.world.pass_until(until)
        for house in self.houses.values():
            house.tick(until)
        return True

    # What is heard outside

    def _listen(self) -> None:
        """People read what was published, providers tell what changed."""
        entries = self.world.log.entries
        while self._heard < len(entries):
            heard = entries[self._heard]
            self._heard += 1
            if isinstance(heard.message, ApprovalAsked):
                self._consider(heard.envelope.task_id, heard.message)
            elif isinstance(heard.message, SagaEnded) and self._whims:
                self._regret(heard.envelope.task_id, heard.message, self._whims)
            elif isinstance(heard.message, SagaNeedsAttention) and not self.moods.calm:
                self.at(self.rng.uniform(0, 3000), partial(self._repair_one, heard.envelope.task_id, self.rng.randint(0, 4)))
        for count, act in self.plans:
            if count <= len(entries):
                act()
        self.plans = [(count, act) for count, act in self.plans if count > len(entries)]
        self._hear_houses()

    def _hear_houses(self) -> None:
        for house in self.houses.values():
            for item in house.changed:
                for _ in range(self.rng.choice([1, 1, 2])):
                    self.at(self.rng.choice([0.0, self.rng.uniform(0, 90)]), lambda item=item: self._hint(item))
            house.changed.clear()
            for item in house.items:
                if item.state == "asked" and item.name not in self._asked:
                    self._asked.add(item.name)
                    self.at(self.rng.uniform(1, 90), lambda item=item: self._prove(item))

    def _consider(self, task: UUID, asked: ApprovalAsked) -> None:
        said = PlanDecided(digest=asked.digest, approved=self.rng.random() < 0.8, by="person")
        if self.rng.random() < 0.1:
            self.at(1, lambda: self.world.say("gateway", task, said.model_copy(update={"digest": "another"})))
        self.at(900 if self.moods.roll("slow") else self.rng.uniform(0, 200), lambda: self.world.say("gateway", task, said))

    def _regret(self, task: UUID, ended: SagaEnded, whims: Random) -> None:
        """The person gives up some goals of what is completed: nothing that costs more than is in sight, at times for any fee."""
        legs = sorted({e.step_id.partition(".")[0] for e in ended.receipt.effects if e.state is EffectState.KEPT})
        if ended.outcome is SagaOutcome.COMPENSATED or self.moods.calm or whims.random() < 0.3:
            return
        chosen = tuple(whims.sample(legs, whims.choice([1, 1, 1, min(2, len(legs))])))
        limit = whims.choice([None, {}, {actors.CURRENCY: 50_000}])
        order = SagaUndo(undo_id=derive("regret", task, ended.closing), legs=chosen, fee_limit=limit, by="person")
        self.at(whims.choice([0.0, whims.uniform(0, 120)]), lambda: self.world.say("gateway", task, order))

    def _hint(self, item: Item) -> None:
        key = UUID(item.reference.partition(":")[2])
        connector = next(kind.connector for kind in self.cast.kinds if item.provider in {spec.name for spec in kind.sellers})
        self.world.say("webhook", item.task_id, ProviderNotified(key=key, event_id="event"), connector_commands(connector))

    def _prove(self, item: Item) -> None:
        """The person does at the provider what it asked for, or leaves."""
        if item.state != "asked" or self.moods.roll("slow"):
            return
        house = self.houses[item.provider]
        if self.rng.random() < 0.8:
            item.state = "held"
            item.change_at = self.world.now + timedelta(seconds=1500)
            house.changed.append(item)
        else:
            house.end(item, "declined")
        executor = self.world.shelves["executor"].state(item.task_id)
        steps = [a.step_id for a in executor.attempts if f"{item.task_id}:{a.key}" == item.reference] if executor else []
        for step in steps:
            self.world.say("gateway", item.task_id, StepRetry(step_id=step))
