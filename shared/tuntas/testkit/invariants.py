"""What must hold after every step and at the end (protocol 4), judged by what was published and by what the providers hold."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from tuntas.contracts.base import Message
from tuntas.contracts.connectors import Declaration, EffectObserved, Outcome, StepReplied, StepStarted, StepUndo, StepUndone
from tuntas.contracts.executor import ExecutionEnded
from tuntas.contracts.plan import Plan, StepKind
from tuntas.contracts.saga import AttemptRelease, EffectState, Posting, Receipt, SagaEnded, SagaOutcome, SagaReopened
from tuntas.contracts.trust import PlanApproved
from tuntas.kit.decision import Call
from tuntas.kit.persistence.database import Changes
from tuntas.testkit.explaining import explained
from tuntas.testkit.houses import House, Item
from tuntas.testkit.log import Entry, require
from tuntas.testkit.waits import WAITS
from tuntas.testkit.world import World

STANDING = frozenset({EffectState.KEPT, EffectState.RESIDUE, EffectState.IN_DOUBT})
_UNAPPROVED = frozenset({"denied", "expired", "cancelled"})


class Book:
    """What was said about one task so far. `endings` are the replies, by attempt, that say that it has no effect."""

    def __init__(self) -> None:
        self.declared: dict[UUID, StepStarted] = {}
        self.ended: dict[int, frozenset[UUID]] = {}
        self.listed: set[UUID] = set()
        self.released: set[UUID] = set()
        self.observed: set[UUID] = set()
        self.undos: dict[UUID, int] = {}
        self.undone: set[UUID] = set()
        self.endings: dict[UUID, set[UUID]] = {}
        self.closings: list[SagaEnded] = []
        self.reopened = False
        self.ceiling: dict[str, int] = {}


class Judge:
    """Looks at every commit, every call and every step. `touched` are tasks that an operator worked on, `wire` calls on their way.

    `causes` are the ids of all that anything may come from.
    """

    def __init__(self, world: World, houses: Mapping[str, House], *, explains: bool = False) -> None:
        self.world, self.houses, self._explains = world, houses, explains
        self.books: dict[UUID, Book] = {}
        self.touched: set[UUID] = set()
        self.wire: list[Call] = []
        self.committed_ids: set[UUID] = set()
        self.causes: set[UUID] = set()
        self.dirty: set[tuple[str, UUID]] = set()
        self._published = 0
        self._started: set[UUID] = set()
        self._decided: Mapping[UUID, list[UUID]] = {}
        self._readers: Mapping[type[Message], Callable[[Entry, Any], None]] = {
            StepStarted: self._on_started,
            ExecutionEnded: self._on_ended,
            AttemptRelease: self._on_release,
            EffectObserved: self._on_observed,
            StepUndo: self._on_undo,
            StepUndone: self._on_undone,
            StepReplied: self._on_replied,
            SagaEnded: self._on_closed,
            SagaReopened: self._on_reopened,
            PlanApproved: self._on_approved,
        }

    def book(self, task: UUID) -> Book:
        """Return what was said about a task."""
        return self.books.setdefault(task, Book())

    def items(self, task: UUID) -> Iterator[Item]:
        """Return a task's objects at all providers."""
        return (item for house in self.houses.values() for item in house.items if item.task_id == task)

    def rests(self, task: UUID) -> bool:
        """Say whether a task rests with an operator."""
        saga = self.world.shelves["saga"].state(task)
        return saga is not None and saga.status == "needs_attention"

    # Every commit

    def committed(self, name: str, changes: Changes[Any], added: Iterable[Entry]) -> None:
        """Judge what a service decided: the tasks it changed, whom it will call and what it will publish."""
        self.dirty.update((name, row.task_id) for row in changes.rows)
        self._decided = {row.task_id: row.fresh for row in changes.rows}
        for work in changes.work:
            late = work.call.kind == "act" and work.call.key in self.book(work.task_id).undone
            require(not late, "P6", "an action begins after its undo was answered:", work.call)
        for each in added:
            require(each.envelope.cause in self.causes, "P19", "unknown cause of", each.message)
            self.committed_ids.add(each.record.id)
            if reader := self._readers.get(type(each.message)):
                reader(each, each.message)

    def _on_replied(self, each: Entry, message: StepReplied) -> None:
        if message.outcome in {Outcome.REFUSED, Outcome.UNDONE}:
            self.book(each.envelope.task_id).endings.setdefault(message.key, set()).add(each.record.id)

    def _on_approved(self, each: Entry, message: PlanApproved) -> None:
        book = self.book(each.envelope.task_id)
        plan = _plan(message.plan)
        book.ceiling = {c: max(book.ceiling.get(c, 0), plan.ceilings.get(c, 0)) for c in {*book.ceiling, *plan.ceilings}}

    def _on_started(self, each: Entry, message: StepStarted) -> None:
        task, declared = each.envelope.task_id, message.declaration
        book = self.book(task)
        known = book.declared.setdefault(declared.key, message)
        require(known.declaration.body_digest == declared.body_digest and known.input == message.input, "P3", declared.key)
        if known is not message:
            return
        require(all(declared.epoch > epoch for epoch in book.ended), "P4", declared.step_id, "is declared after its epoch ended")
        for earlier in book.declared.values():
            if earlier.declaration.step_id == declared.step_id and earlier is not message:
                require(
                    not self._effective(task, earlier.declaration.key), "P2", declared.step_id, "while an earlier attempt may be effective"
                )
        if declared.kind is StepKind.PIVOT:
            self._pivot(each, declared)

    def _effective(self, task: UUID, key: UUID) -> bool:
        """Say whether an attempt has an effect or a request on its way that may have one; what comes too late is undone when seen."""
        reference = f"{task}:{key}"
        made = any(i.alive and reference in ({i.bought_by} if i.bought_by else {i.reference}) for i in self.items(task))
        coming = any(c.key == key and c.kind == "act" and not self.houses[c.party].spent(c) for c in self.wire)
        return (made or coming) and not any(key in house.overdue for house in self.houses.values())

    def _pivot(self, each: Entry, declared: Declaration) -> None:
        """A pivot waits for all that may fail, and cannot act any more once a clock that it relies on has run out.

        What the same batch was told to be gone after the pivot was decided counts as done.
        """
        step_id, until = declared.step_id, declared.forward_by
        task = each.envelope.task_id
        state, book, met = self.world.shelves["executor"].state(task), self.book(task), self._decided[task]
        later = {*met[met.index(each.envelope.cause) + 1 :]}
        lost = [a for a in state.attempts if a.gone and book.endings.get(a.key, set()) & later]
        for step in _plan(state.plan).steps:
            if step.kind is StepKind.COMPENSATABLE:
                done = state.is_done(step.step_id) or step.step_id in {a.step_id for a in lost}
                require(done, "P9", step_id, "is declared before", step.step_id, "is done")
        used = {a.acts_on for a in state.attempts if not a.gone or a in lost}
        now = self.world.now
        late = [a.step_id for a in state.attempts if a.done and a.clock and a.clock <= now and a.clock <= until and a.key not in used]
        require(not late, "P9", step_id, "is declared after the clock of", late)

    def _on_ended(self, each: Entry, message: ExecutionEnded) -> None:
        book, keys = self.book(each.envelope.task_id), frozenset(entry.key for entry in message.tally)
        require(keys == frozenset(book.declared), "P4", "declared and not in the tally, or the reverse:", keys ^ frozenset(book.declared))
        require(book.ended.setdefault(message.epoch, keys) == keys, "P4", "two tallies of epoch", message.epoch)
        book.listed |= keys

    def _on_release(self, each: Entry, message: AttemptRelease) -> None:
        self.book(each.envelope.task_id).released |= {d.key for d in message.declarations}

    def _on_observed(self, each: Entry, message: EffectObserved) -> None:
        self.book(each.envelope.task_id).observed.add(message.key)

    def _on_reopened(self, each: Entry, _: SagaReopened) -> None:
        self.book(each.envelope.task_id).reopened = True

    def _on_undo(self, each: Entry, message: StepUndo) -> None:
        task, book = each.envelope.task_id, self.book(each.envelope.task_id)
        require(message.number >= book.undos.get(message.key, 0), "an undo's number falls", message)
        first = message.key not in book.undos
        book.undos[message.key] = message.number
        if first and message.key not in book.released:
            self._in_order(task, message.key)
        if task in self.touched or message.key in book.released | book.observed:
            return
        require(message.key in book.listed, "P5", "an undo before the tally:", message)
        execution = self.world.shelves["executor"].state(task)
        pivots = [a for a in execution.attempts if a.pivot and not a.gone] if execution and not book.reopened and not book.closings else []
        standing = [
            a.step_id for a in pivots if a.key not in book.observed or self._effective(task, a.key)
        ]  # the other side may have ended it
        require(not standing, "P8", "an undo while a pivot is in doubt or done:", message)

    def _in_order(self, task: UUID, key: UUID) -> None:
        """What a step needs is undone after it (protocol 3, undo order)."""
        effects = self.world.shelves["saga"].state(task).effects
        mine = effects[key].declaration
        later = [e.declaration for e in effects.values() if e.stage == "undoing" and e.declaration.start > mine.start]
        require(not [d.step_id for d in later if mine.step_id in d.needs], "undo order", mine.step_id, "before what needs it:", later)

    def _on_undone(self, each: Entry, message: StepUndone) -> None:
        task = each.envelope.task_id
        if message.part:
            return
        if message.outcome is Outcome.UNDONE and message.key in self.book(task).declared:
            require(not self._effective(task, message.key), "P7", "undone is said of what is alive:", message)
        if message.outcome is Outcome.UNDONE:
            self.book(task).undone.add(message.key)

    def _on_closed(self, each: Entry, message: SagaEnded) -> None:
        book = self.book(each.envelope.task_id)
        require(message.closing == len(book.closings) + 1, "P11", "closing", message.closing, "follows", len(book.closings))
        book.closings.append(message)
        require(not any(_sums(message.receipt.postings).values()), "P14", message.receipt.postings)
        if message.outcome is SagaOutcome.COMPLETED:
            doubt = [e for e in message.receipt.effects if e.state is EffectState.IN_DOUBT]
            require(not doubt, "P10", "completed with", doubt)
        if each.envelope.task_id not in self.touched and message.code == "given_up" and message.outcome is SagaOutcome.COMPLETED:
            before = book.closings[-2].receipt
            require(_even(message.receipt) or not _even(before), "P16", "what was given up is paid for still, or more:", message.receipt)

    # Every call

    def called(self, call: Call) -> None:
        """Judge a call that arrives at a provider."""
        if call.kind == "act":
            for each in self.world.log.entries[self._published :]:
                if isinstance(each.message, StepStarted):
                    self._started.add(each.message.declaration.key)
            self._published = len(self.world.log.entries)
            require(call.key in self._started, "P1", call.key, "is acted on and is not in the log")

    # Every step

    def look(self) -> None:
        """Judge how things stand between two decisions."""
        for house in self.houses.values():
            require(not house.wrongs, "a provider was asked", house.wrongs)
        for name, task in self.dirty:
            if waits := WAITS.get(name.partition("-")[0]):
                shelf = self.world.shelves[name]
                waits(shelf.state(task), frozenset(purpose for owner, purpose in shelf.timers if owner == task))
        for task in {task for _, task in self.dirty}:
            self._money(task)
            if self._explains:
                explained(self.world, task)
        if any(name == "trust" for name, _ in self.dirty):
            self._wallet()
        self.dirty.clear()

    def _money(self, task: UUID) -> None:
        """P12 and P2 by what providers hold."""
        held: dict[str, int] = {}
        for item in self.items(task):
            if item.alive and item.money:
                amount = item.amount or item.price
                held[amount.currency] = held.get(amount.currency, 0) + amount.amount_minor
        ceiling = self.book(task).ceiling
        require(all(minor <= ceiling.get(currency, 0) for currency, minor in held.items()), "P12", held, "held above", ceiling)

    def _wallet(self) -> None:
        trust = self.world.shelves["trust"]
        states: list[Any] = [row.state for row in trust.rows.values()]
        rows = [state for state in states if state.person]
        for wallet in (json.loads(shared.doc) for shared in trust.shared.values()):
            for name in ("reserved", "spent"):
                found = {c: m for c, m in wallet.get(name, {}).items() if m}
                told = _added(row.reserved if name == "reserved" else row.kept for row in rows)
                require(found == told, "P15", name, "is", found, "and its tasks say", told)

    # The end

    def rested(self) -> None:
        """Judge what holds whenever nothing is left to do."""
        missing = self.committed_ids - set(self.world.log.seen)
        require(not missing, "P19", "committed and not in the log:", missing)

    def over(self, tasks: Iterable[UUID]) -> None:
        """Judge the end of a history, when operators are done."""
        for task in tasks:
            closings = self.book(task).closings
            saga = self.world.shelves["saga"].state(task)
            consent = self.world.shelves["trust"].state(task)
            if saga is None:
                planning = self.world.shelves["planner"].state(task)
                ended = (consent and consent.status in _UNAPPROVED) or (planning and planning.status == "infeasible")
                require(ended, "P17", "neither refused nor begun:", consent, planning)
                require(not list(self.items(task)), "P16", "something was done for a task that never began")
                continue
            require(saga.status in {"completed", "compensated"}, "P17", "is", saga.status, saga.reason, saga.waiting_for)
            require(closings and not consent.reserved and consent.closing == len(closings), "P15", "reserved at the end:", consent.reserved)
            require(consent.kept == closings[-1].kept, "P15", "spent", consent.kept, "of", closings[-1].kept)
            self._books(task, closings[-1].receipt)

    def _books(self, task: UUID, receipt: Receipt) -> None:
        """P16: what is alive is what the receipt says, by reference and amount; what was paid is what it says is kept."""
        claims = {(e.reference, e.action): e for e in receipt.effects if e.state in STANDING and e.reference}
        for item in self.items(task):
            named = [e for (reference, _), e in claims.items() if reference == (item.bought_name if item.bought else item.name)]
            require(named or not item.alive, "P16", "alive and in no receipt:", item, receipt.effects)
            amounts = {e.amount for e in named if e.action != self.houses[item.provider].first}
            require(not item.bought or item.amount in amounts, "P16", "alive with another amount:", item, named)
        alive = {name for i in self.items(task) if i.alive for name in (i.name, i.bought_name)}
        require(all(reference in alive for reference, _ in claims), "P16", "in the receipt and not alive:", claims, alive)
        require(receipt.kept == self._paid(task), "P16", "kept", receipt.kept, "and providers have", self._paid(task))

    def _paid(self, task: UUID) -> dict[str, int]:
        owed = paid = 0
        for item in self.items(task):
            whole = item.amount.amount_minor if item.amount and item.bought else 0
            owed += 0 if item.money else whole + item.charged
            paid += whole - item.returned if item.money and item.bought else 0
        most = max(owed, paid)
        return {"IDR": most} if most else {}


@lru_cache(maxsize=64)
def _plan(text: str) -> Plan:
    return Plan.model_validate_json(text)


def _even(receipt: Receipt) -> bool:
    """Say whether the person paid exactly what merchants and fees come to."""
    return not _sums(p for p in receipt.postings if p.account != "clearing")


def _sums(postings: Iterable[Posting]) -> dict[str, int]:
    return _added({p.currency: p.amount_minor} for p in postings)


def _added(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for part in parts:
        for currency, minor in part.items():
            sums[currency] = sums.get(currency, 0) + minor
    return {currency: minor for currency, minor in sums.items() if minor}
