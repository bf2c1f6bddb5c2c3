"""What came of a scenario: the end as its messages, rows and providers tell it, and what must hold at every end (protocol 4)."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar
from uuid import UUID

from tuntas.contracts.base import Message
from tuntas.contracts.connectors import EffectObserved, Outcome, StepReplied, StepStarted, StepUndo, StepUndone
from tuntas.contracts.executor import ExecutionEnded
from tuntas.contracts.plan import Phase, StepKind
from tuntas.contracts.saga import (
    AttemptRelease,
    CancelAnswered,
    EffectState,
    Receipt,
    SagaEnded,
    SagaNeedsAttention,
    SagaOutcome,
    SagaReopened,
    SagaRepair,
    SagaUndoAnswered,
)
from tuntas.testkit.scenarios.plans import CURRENCY, OBLIGING
from tuntas.testkit.scenarios.play import Play

M = TypeVar("M", bound=Message)
_STANDING = frozenset({EffectState.KEPT, EffectState.RESIDUE, EffectState.IN_DOUBT})
_MONEY = frozenset({Phase.AUTHORIZE, Phase.CAPTURE})
_CLOSED = frozenset({"completed", "compensated"})


class Findings:
    """The end of one history, in the words of `expect`."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.scenario = play.scenario
        seen: dict[UUID, Any] = {}
        for each in play.world.log.entries:
            seen.setdefault(each.record.id, each)
        self.entries = [e for e in seen.values() if e.envelope.task_id == play.task]
        self.attempts: dict[str, list[UUID]] = {}
        for started in self._of(StepStarted):
            keys = self.attempts.setdefault(started.declaration.step_id, [])
            keys += [] if started.declaration.key in keys else [started.declaration.key]

    def _of(self, kind: type[M]) -> list[M]:
        return [each.message for each in self.entries if isinstance(each.message, kind)]

    @property
    def saga(self) -> str:
        """The saga's state."""
        state = self.play.state("saga")
        return str(state.status) if state else "none"

    @property
    def execution(self) -> str:
        """How the execution ended, or its state."""
        state = self.play.state("executor")
        return str(state.result or state.status) if state else "none"

    @property
    def receipt_said(self) -> Receipt | None:
        """The last receipt; of a saga that rests, the provisional one."""
        said = [m.receipt for m in self._all(SagaEnded, SagaNeedsAttention)]
        return said[-1] if said else None

    def _all(self, *kinds: type[Any]) -> list[Any]:
        return [each.message for each in self.entries if isinstance(each.message, kinds)]

    @property
    def code(self) -> str | None:
        """Why it ended so."""
        return self.receipt_said.code if self.receipt_said else None

    @property
    def closings(self) -> tuple[str, ...]:
        """The outcomes, by the numbers of their closings."""
        return tuple(str(m.outcome) for m in self._of(SagaEnded))

    @property
    def actions(self) -> dict[str, tuple[str, ...]]:
        """By step, what the executor was told last of each attempt."""
        return {step: tuple(map(self._replied, keys)) for step, keys in self.attempts.items()}

    def _replied(self, key: UUID) -> str:
        told = [m for m in self._of(StepReplied) if m.key == key]
        return _word(max(told, key=lambda m: m.seq)) if told else "unanswered"

    @property
    def compensations(self) -> dict[str, tuple[str, ...]]:
        """By step, what the coordinator was told last of undoing each attempt; steps of which none was to be undone are left out."""
        found = {step: tuple(map(self._undone, self._keys(step))) for step in self._steps()}
        return {step: words for step, words in found.items() if {*words} - {"none"}}

    def _steps(self) -> list[str]:
        return list(dict.fromkeys([*self.attempts, *(m.step_id for m in self._of(StepUndo))]))

    def _keys(self, step: str) -> list[UUID]:
        asked = [m.key for m in self._of(StepUndo) if m.step_id == step]
        return list(dict.fromkeys([*self.attempts.get(step, []), *asked]))

    def _undone(self, key: UUID) -> str:
        if not any(m.key == key for m in self._of(StepUndo)):
            return "none"
        told = [m for m in self._of(StepUndone) if m.key == key]
        if not told:
            return "unanswered"
        last = max(told, key=lambda m: (m.number, m.seq))
        return "nothing" if last.nothing and last.outcome is Outcome.UNDONE else _word(last)

    @property
    def receipt(self) -> dict[str, tuple[str, ...]]:
        """By step, what is left of each attempt."""
        found: dict[str, tuple[str, ...]] = {}
        for effect in self.receipt_said.effects if self.receipt_said else ():
            found[effect.step_id] = (*found.get(effect.step_id, ()), str(effect.state))
        return found

    @property
    def kept(self) -> int:
        """What is not coming back."""
        return self.receipt_said.kept.get(CURRENCY, 0) if self.receipt_said else 0

    @property
    def cancel(self) -> tuple[str, ...]:
        """The answers to cancels."""
        return tuple("accepted" if m.accepted else m.code for m in self._of(CancelAnswered))

    @property
    def given_up(self) -> tuple[str, ...]:
        """The answers to giving up legs."""
        return tuple("accepted" if m.accepted else m.code for m in self._of(SagaUndoAnswered))

    @property
    def consent(self) -> dict[str, Any]:
        """What trust's row says."""
        state = self.play.state("trust") if self.scenario.trust else None
        if state is None:
            return {"status": "none", "reserved": 0, "spent": 0}
        spent = state.wallet.spent if state.wallet else state.kept
        return {"status": state.status, "reserved": state.reserved.get(CURRENCY, 0), "spent": spent.get(CURRENCY, 0)}

    @property
    def rungs(self) -> tuple[str, ...]:
        """The rungs of the ladder that were taken."""
        state = self.play.state("executor")
        return tuple(state.rungs) if state else ()

    @property
    def undone(self) -> tuple[str, ...]:
        """The steps in the order in which undoing them was first asked for."""
        return tuple(dict.fromkeys(m.step_id for m in self._of(StepUndo)))

    def calls(self, step: str) -> dict[str, int]:
        """Return how often providers were called about a step."""
        return {kind: self.play.calls[step, kind] for kind in ("action", "inquiry", "compensation")}

    def messages(self, name: str) -> int:
        """Return how many different messages of a type were published."""
        return sum(each.message.wire_type == f"tuntas.{name}.v1" for each in self.entries)

    @property
    def dead_letters(self) -> tuple[str, ...]:
        """What was set aside: service and code."""
        return tuple(self.play.aside)

    @property
    def stray(self) -> tuple[str, ...]:
        """The steps of what is alive at a provider and in no receipt, or there twice."""
        claimed = Counter(self._claims())
        found: list[str] = []
        for deed in self.play.providers.deeds:
            if self.play.providers.phase(deed) is Phase.READ:
                continue
            if deed.alive and not claimed[deed.reference]:
                found.append(deed.step.name)
            claimed[deed.reference] -= deed.alive
        return tuple(found)

    @property
    def missing(self) -> tuple[str, ...]:
        """The steps of what the receipt says is kept, and no provider has."""
        alive = {deed.reference for deed in self.play.providers.deeds if deed.alive}
        said = self.receipt_said.effects if self.receipt_said else ()
        return tuple(e.step_id for e in said if e.state is EffectState.KEPT and f"{self.play.task}:{e.key}" not in alive)

    def _claims(self) -> list[str]:
        said = self.receipt_said.effects if self.receipt_said else ()
        return [f"{self.play.task}:{e.key}" for e in said if e.state in _STANDING]

    # What must hold at every end

    def violations(self) -> Iterator[str]:
        """Yield what does not hold, by the invariant's name in protocol 4."""
        yield from self.play.broken
        yield from self.play.providers.wrongs
        yield from self._tallied()
        yield from self._rollback()
        yield from self._closed()
        yield from self._money()

    def _tallied(self) -> Iterator[str]:
        """P4. An empty tally after another one is that of a row which was archived away, and begins nothing."""
        ended: dict[int, frozenset[UUID]] = {}
        for each in self._of(ExecutionEnded):
            keys = frozenset(entry.key for entry in each.tally)
            if ended.setdefault(each.epoch, keys) != keys and keys:
                yield f"P4: two tallies of epoch {each.epoch}"
        lists = [keys for _, keys in sorted(ended.items())]
        declared = {key for keys in self.attempts.values() for key in keys}
        if lists and not declared <= frozenset().union(*lists):
            yield "P4: declared and in no tally: " + self._named(declared - frozenset().union(*lists))

    def _rollback(self) -> Iterator[str]:
        """P5: no undo before the tally, save of what was released or observed; P8: none beside a pivot. Operators may do both."""
        listed: set[UUID] = set()
        single: set[UUID] = set()
        pivots: set[UUID] = set()
        for message in (each.message for each in self.entries):
            if isinstance(message, SagaRepair | SagaReopened):
                return
            listed |= {entry.key for entry in message.tally} if isinstance(message, ExecutionEnded) else set()
            single |= _single(message)
            pivots = _pivots(pivots, message)
            if isinstance(message, StepUndo) and message.key not in single:
                if message.key not in listed:
                    yield f"P5: {message.step_id} is undone before the tally"
                if pivots:
                    yield f"P8: {message.step_id} is undone while {self._named(pivots)} is in doubt or done"

    def _closed(self) -> Iterator[str]:
        ends = self._of(SagaEnded)
        numbers = [m.closing for m in ends]
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"P11: closings are numbered {numbers}"
        for each in ends:
            doubt = [e.step_id for e in each.receipt.effects if e.state is EffectState.IN_DOUBT]
            if each.outcome is SagaOutcome.COMPLETED and doubt:
                yield f"P10: completed with {', '.join(doubt)} in doubt"
            if sum(p.amount_minor for p in each.receipt.postings):
                yield f"P14: the postings of closing {each.closing} add up to {sum(p.amount_minor for p in each.receipt.postings)}"

    def _money(self) -> Iterator[str]:
        """P16: what the last receipt says is kept is what the providers have."""
        if self.saga in _CLOSED and not self.stray and not self.missing and not self._decided() and self.kept != self._paid():
            yield f"P16: kept {self.kept}, and providers have {self._paid()}"

    def _decided(self) -> bool:
        """An operator who decided by hand, perhaps against what providers say, answers for the amounts."""
        return any(m.action in {"skip", "mark_done"} for m in self._of(SagaRepair))

    def _paid(self) -> int:
        owed = paid = 0
        for deed in self.play.providers.deeds:
            phase = self.play.providers.phase(deed)
            stands = deed.state in {"alive", "ending"} and phase in OBLIGING - {Phase.AUTHORIZE}
            amount = deed.left if stands else deed.fee
            owed, paid = (owed, paid + amount) if phase in _MONEY else (owed + amount, paid)
        return max(owed, paid)

    def _named(self, keys: Iterable[UUID]) -> str:
        names = {key: step for step, found in self.attempts.items() for key in found}
        return ", ".join(sorted(names[key] for key in keys))


def _single(message: Message) -> set[UUID]:
    """Return what this message lets be undone by itself."""
    if isinstance(message, AttemptRelease):
        return {d.key for d in message.declarations}
    return {message.key} if isinstance(message, EffectObserved) else set()


def _pivots(known: set[UUID], message: Message) -> set[UUID]:
    """Return the irreversible attempts that may have happened, after this message."""
    if isinstance(message, StepStarted) and message.declaration.kind is StepKind.PIVOT:
        return known | {message.declaration.key}
    gone = isinstance(message, StepReplied) and message.outcome in {Outcome.REFUSED, Outcome.UNDONE}
    return known - {message.key} if isinstance(message, StepReplied) and gone else known


def _word(message: StepReplied | StepUndone) -> str:
    return f"{message.outcome}:{message.code}" if message.code else str(message.outcome)
