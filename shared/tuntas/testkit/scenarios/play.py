"""Plays a scenario: the installed services decide; providers, people, planner, clock and topics do what the scenario says."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from pydantic_core import from_json, to_json

from tuntas.contracts.base import Document
from tuntas.contracts.connectors import ProviderNotified, StepStarted
from tuntas.contracts.executor import StepRetry
from tuntas.contracts.ids import attempt_key, derive
from tuntas.contracts.planner import PlanAmend, PlanInfeasible
from tuntas.contracts.saga import SagaCancel, SagaRepair, SagaUndo
from tuntas.contracts.topics import connector_commands
from tuntas.contracts.trust import ApprovalAsked, PlanApproved, PlanDecided, PlanDenied, TaskCancel
from tuntas.kit.connector import malformed
from tuntas.kit.connector.core import Rules, core
from tuntas.kit.decision import Answered, Call
from tuntas.kit.errors import InvalidMessage
from tuntas.kit.messaging.fold import Event
from tuntas.kit.signing import open_approval
from tuntas.testkit import installed
from tuntas.testkit.history import START
from tuntas.testkit.log import Entry, Violation
from tuntas.testkit.scenarios import happenings, plans
from tuntas.testkit.scenarios.language import SERVICES, Amendment, Scenario
from tuntas.testkit.scenarios.providers import Deed, Providers
from tuntas.testkit.scenarios.services import Delivery, Desk, Errand, Watcher, World, delivery
from tuntas.testkit.scenarios.words import Answer
from tuntas.testkit.waits import WAITS

HORIZON = timedelta(hours=3)
"""How long after the last happening a history is followed: longer than any deadline of the services."""

_SCRIPTS = {"act": "action", "inquire": "inquiry", "undo": "compensation", "undo_quote": "quote"}
Line = tuple[datetime, str, str]


@dataclass
class Play:
    """One history. `story` is what happened: when, who, what; `aside` the codes of what was set aside, with the service."""

    scenario: Scenario
    story: list[Line] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    parked: set[str] = field(default_factory=set)
    tampering: list[happenings.Delay | happenings.Damage] = field(default_factory=list)
    amended: int = 0
    revision: int = 1
    asked: ApprovalAsked | None = None

    def __post_init__(self) -> None:
        scenario = self.scenario
        self.task: UUID = derive("scenario", scenario.name)
        self.sold = {leg: scenario.sold(leg) for leg in scenario.legs}
        self.legs = {leg: plans.leg_of(scenario, leg, offers, START) for leg, offers in self.sold.items()}
        watcher = Watcher(self._published, self._call, self._meet, self._aside, self._rests)
        self.world = World(list(_desks(scenario)), _reads(scenario), watcher)
        self.world.twice = scenario.delivered == "twice"
        self.providers = Providers(scenario, self.world.later)

    def run(self) -> "Play":
        """Play it to its end.

        Raises:
            Violation: it does not come to rest, or two records of one id differ.
        """
        for each in self.scenario.happens:
            self.world.later(each.at, partial(self._happen, each))
        if said := plans.mandate(self.scenario):
            self.world.say("gateway", plans.PERSON, plans.TENANT, said)
        self.world.later(0, self._begin)
        last = max((each.at for each in self.scenario.happens), default=0.0)
        self.world.run(START + timedelta(seconds=last) + HORIZON)
        return self

    def state(self, service: str) -> Any:
        """Return a service's state of the task, or none."""
        return self.world.desks[service].state(self.task)

    # The planner, and trust where it takes no part

    def _begin(self) -> None:
        self._offer(1, 1)

    def _offer(self, revision: int, epoch: int) -> None:
        self.revision = revision
        made = plans.plan(self.scenario, self.task, self.sold, revision, list(self.legs.values()))
        if self.scenario.trust:
            self._say("planner", plans.proposed(self.scenario, made))
        else:
            self._say("trust", plans.approved(self.scenario, made, self.world.now, epoch))

    def _amend(self, message: PlanAmend) -> None:
        given = self.scenario.amendments
        answer = given[self.amended] if self.amended < len(given) else Amendment(denied="no_offer")
        self.amended += 1
        self.world.later(answer.after, partial(self._amended, answer, message))

    def _amended(self, answer: Amendment, message: PlanAmend) -> None:
        revision = message.revision + 1
        if answer.denied == "no_offer":
            self._say("planner", PlanInfeasible(revision=revision, code=answer.denied))
        elif answer.denied:
            self._say("trust", PlanDenied(revision=revision, code=answer.denied))
        else:
            self.sold |= answer.offers
            self.legs |= {leg: plans.leg_of(self.scenario, leg, offers, self.world.now) for leg, offers in answer.offers.items()}
            self._offer(revision, message.epoch)

    # What the world tells

    def _published(self, each: Entry) -> None:
        self.tell(each.envelope.source.removeprefix("tuntas/"), f"says {summary(each)}")
        if isinstance(each.message, PlanAmend):
            self._amend(each.message)
        elif isinstance(each.message, ApprovalAsked):
            self.asked = each.message

    def _meet(self, desk: Desk, each: Entry) -> Delivery | None:
        for found in [t for t in self.tampering if self._concerns(t, each, desk.name)]:
            self.tampering.remove(found)
            if isinstance(found, happenings.Delay):
                self.world.later(found.by, partial(self.world.deliver, desk, each))
                return None
            return delivery(each, _damaged(each.record.body, found.set))
        return delivery(each)

    def _concerns(self, named: Any, each: Entry, reader: str) -> bool:
        same = each.message.wire_type == f"tuntas.{named.message}.v1" and named.to in {None, reader}
        return same and named.step in {None, step_of(each)}

    def _aside(self, desk: Desk, event: Event | None, error: InvalidMessage) -> None:
        self.tell(desk.name, f"sets aside {event.name if event else 'a record'}: {error}")
        self.aside.append(f"{desk.name}:{error.code}")
        if error.code == "decision_failed":
            self.broken.append(f"{desk.name}: {error}")

    def _rests(self) -> None:
        """P18: whatever is open has something that will wake it."""
        for name, desk in self.world.desks.items():
            waits, state = WAITS.get("connectors" if name in self.scenario.legs else name), desk.state(self.task)
            if waits is None or state is None or not desk.up:
                continue
            try:
                waits(state, frozenset(purpose for task, purpose in desk.timers if task == self.task))
            except Violation as found:
                self.broken += [] if str(found) in self.broken else [str(found)]

    # Calls

    def _call(self, desk: Desk, errand: Errand) -> None:
        call = errand.call
        step, kind = self.scenario.step(str(call.body["action"])), _SCRIPTS[call.kind]
        if call.party in self.parked:
            self._heard(desk, errand, Answered(call, code="parked"))
            return
        self.calls[step.name, kind] += 1
        answer = getattr(step, kind).answer(self.calls[step.name, kind])
        if answer and answer.word == "unsent":
            self._heard(desk, errand, Answered(call, code="unreachable"))
            return
        silent = answer is not None and answer.word in {"unknown", "late"}
        takes = (answer.seconds or 0.0) if answer and answer.word == "late" else step.takes
        if not (answer and answer.word == "unknown" and answer.detail != "done"):
            self.world.later(takes, partial(self._arrive, desk, errand, answer, heard=not silent and takes <= call.deadline_seconds))
        if silent or takes > call.deadline_seconds:
            self.world.later(call.deadline_seconds, partial(self._heard, desk, errand, _lost(call), wait=False))

    def _heard(self, desk: Desk, errand: Errand, result: Answered, *, wait: bool = True) -> None:
        self.tell(desk.name, f"hears {_told(result)} of {errand.call.kind} {errand.call.body['action']}")
        if wait:
            self.world.later(0, partial(self.world.answer, desk, errand, result))
        else:
            self.world.answer(desk, errand, result)

    def _arrive(self, desk: Desk, errand: Errand, answer: Answer | None, *, heard: bool) -> None:
        call = errand.call
        result = self.providers.handle(call, answer, self.world.now)
        self.tell(call.party, f"answers {call.kind} {call.body['action']}: {_words(result)}")
        if heard:
            self.world.answer(desk, errand, Answered(call, result=result))

    # What happens beside

    def _happen(self, each: Any) -> None:
        told = " ".join(f"{k}={v}" for k, v in each.model_dump(exclude={"at", "do"}, exclude_none=True, exclude_defaults=True).items())
        self.tell("", f"{each.do} {told}".strip())
        _DOES[type(each)](self, each)

    def cancel(self, each: happenings.Cancel) -> None:
        """Pass a cancel on, by trust if it takes part."""
        message = TaskCancel(by=each.by, cause=each.by) if self.scenario.trust else SagaCancel(by=each.by, cause=each.by)
        self.world.say("gateway", self.task, each.tenant or plans.TENANT, message)

    def give_up(self, each: happenings.GiveUp) -> None:
        """Give up some legs of what is completed."""
        limit = None if each.fee_limit is None else {plans.CURRENCY: each.fee_limit}
        undo_id = derive("give_up", self.task, each.at, *each.legs)
        self._say("gateway", SagaUndo(undo_id=undo_id, legs=each.legs, fee_limit=limit, by="person", expected=each.version))

    def decide(self, each: happenings.Decide) -> None:
        """Answer the question whether the plan may run."""
        digest = self.asked.digest if self.asked else ""
        self._say("gateway", PlanDecided(digest=digest, approved=each.approved, by="person"))

    def propose(self, _: happenings.Propose) -> None:
        """Propose the plan as the next revision."""
        self._offer(self.revision + 1, 1)

    def end(self, each: happenings.End) -> None:
        """Let the other side end what a step did."""
        for deed in self._deeds(each.step):
            whole = deed.amount.amount_minor if deed.amount else 0
            self.providers.end(deed, each.code, 0 if each.refund is None else whole - each.refund)

    def hint(self, each: happenings.Hint) -> None:
        """Let a webhook arrive; it names the object's first step, as providers were told."""
        step = self.scenario.step(each.step)
        for deed in self._deeds(step.acts_on or step.name):
            key = UUID(deed.reference.partition(":")[2])
            topic = connector_commands(step.leg)
            self.world.say("webhook", self.task, plans.TENANT, ProviderNotified(key=key, event_id="event"), topic)

    def prove(self, each: happenings.Prove) -> None:
        """Let the person do what a provider asked for, and say so."""
        for deed in self._deeds(each.step):
            self.providers.prove(deed, self.world.now)
        self._say("gateway", StepRetry(step_id=each.step))

    def _deeds(self, step: str) -> list[Deed]:
        found = self.providers.latest(step)
        return [found] if found else []

    def park(self, each: happenings.Park) -> None:
        """Let no call leave to a provider."""
        self.parked.add(each.provider)

    def unpark(self, each: happenings.Unpark) -> None:
        """Let calls leave again."""
        self.parked.discard(each.provider)

    def repair(self, each: happenings.Repair) -> None:
        """Carry out an operator's order about a step's last attempt."""
        key = attempt_key(self.task, each.step, max(1, self.attempts(each.step))) if each.step else None
        order = SagaRepair(action=each.action, key=key, by="operator", reason="as the scenario says", evidence=each.evidence)
        self._say("gateway", order)

    def attempts(self, step: str) -> int:
        """Return how many attempts of a step were declared."""
        said = [e.message.declaration for e in self.world.log.entries if isinstance(e.message, StepStarted)]
        return max((d.attempt for d in said if d.step_id == step), default=0)

    def hold(self, each: happenings.Hold) -> None:
        """Deliver nothing of a topic."""
        self.world.held.add((f"tuntas.{each.topic}.v1", each.to))

    def release(self, each: happenings.Release) -> None:
        """Deliver what was held."""
        self.world.held.discard((f"tuntas.{each.topic}.v1", each.to))

    def tamper(self, each: happenings.Delay | happenings.Damage) -> None:
        """Delay or damage the next such record."""
        self.tampering.append(each)

    def redeliver(self, each: happenings.Redeliver) -> None:
        """Deliver the last such record once more."""
        readers = [d for d in self.world.desks.values() if each.to in {None, d.name}]
        entries = [e for e in self.world.log.entries if self._concerns(each, e, each.to or "")]
        for desk in readers if entries else []:
            if entries[-1].record.topic in self.world.log.readers[desk.name] and desk.up:
                self.world.deliver(desk, entries[-1])

    def stop(self, each: happenings.Stop) -> None:
        """Stop a service."""
        self.world.die(self.world.desks[each.service])

    def crash(self, each: happenings.Crash) -> None:
        """Let a service die at its next commit."""
        self.world.desks[each.service].doomed = True

    def start(self, each: happenings.Start) -> None:
        """Let another process take a service over."""
        self.world.start(self.world.desks[each.service])

    def republish(self, each: happenings.Republish) -> None:
        """Let a zombie publish what was published."""
        self.world.republish(self.world.desks[each.service])

    def archive(self, each: happenings.Archive) -> None:
        """Let a row be archived away."""
        self.world.desks[each.service].rows.pop(self.task, None)

    def _say(self, source: str, message: Any) -> None:
        self.world.say(source, self.task, plans.TENANT, message)

    def tell(self, who: str, what: str) -> None:
        """Add a line to the story."""
        self.story.append((self.world.now, who, what))


_DOES: Mapping[type[Any], Callable[[Play, Any], None]] = {
    happenings.Cancel: Play.cancel,
    happenings.GiveUp: Play.give_up,
    happenings.Decide: Play.decide,
    happenings.Propose: Play.propose,
    happenings.End: Play.end,
    happenings.Hint: Play.hint,
    happenings.Prove: Play.prove,
    happenings.Park: Play.park,
    happenings.Unpark: Play.unpark,
    happenings.Repair: Play.repair,
    happenings.Hold: Play.hold,
    happenings.Release: Play.release,
    happenings.Delay: Play.tamper,
    happenings.Damage: Play.tamper,
    happenings.Redeliver: Play.redeliver,
    happenings.Stop: Play.stop,
    happenings.Crash: Play.crash,
    happenings.Start: Play.start,
    happenings.Republish: Play.republish,
    happenings.Archive: Play.archive,
}


def _desks(scenario: Scenario) -> Iterator[Desk]:
    for name in (*SERVICES, *(("trust",) if scenario.trust else ())):
        made = installed.parts(name)
        yield Desk(name, made.core, made.read)
    for leg in scenario.legs:
        rules = Rules(plans.specs(scenario, leg), lambda approval: open_approval(approval, installed.KEYS))
        yield Desk(leg, core(rules), malformed.read)


def _reads(scenario: Scenario) -> dict[str, frozenset[str]]:
    platform = installed.platform(scenario.legs)
    names = (*SERVICES, *(("trust",) if scenario.trust else ()))
    read = {name: frozenset(topic.name for topic in installed.service(name).reads(platform)) for name in names}
    return read | {leg: frozenset({connector_commands(leg).name}) for leg in scenario.legs}


def _damaged(body: bytes, changes: Document) -> bytes:
    document: Any = from_json(body)
    for path, value in changes.items():
        *parts, last = path.split(".")
        inner = document
        for part in parts:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return to_json(document)


def step_of(each: Entry) -> str | None:
    """Return the step that a record is about, if it is about one."""
    message: Any = each.message
    return message.declaration.step_id if isinstance(message, StepStarted) else getattr(message, "step_id", None)


def summary(each: Entry) -> str:
    """Return a record in a few words."""
    message: Any = each.message
    told = [message.wire_type.removeprefix("tuntas.").removesuffix(".v1"), step_of(each)]
    if isinstance(message, StepStarted):
        told += [f"attempt {message.declaration.attempt}", f"try {message.tried}"]
    elif not isinstance(message, PlanApproved):
        told += [_plain(getattr(message, name, None)) for name in _TELLING]
    return " ".join(str(part) for part in told if part not in {None, ""})


_TELLING = ("outcome", "state", "result", "action", "code", "seq", "number", "closing")


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int) else None


def _lost(call: Call) -> Answered:
    return Answered(call, code="no_answer", lost=True)


def _told(answer: Answered) -> str:
    return "nothing" if answer.lost else str(answer.code)


def _words(result: Document) -> str:
    if not result["found"]:
        return "not found"
    return " ".join(f"{k}={v}" for k, v in result.items() if k in {"outcome", "code", "allowed", "reference"})
