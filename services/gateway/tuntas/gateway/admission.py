"""Between the door and the row: repeats are dropped, reused ids refused, and what is personal sealed, before anything is stored or sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from msgspec.structs import replace

from tuntas.contracts.gateway import Asker, IntentSubmitted, SubmissionTaken, TaskSubmitted, UtteranceSubmitted
from tuntas.contracts.ids import derive
from tuntas.contracts.plan import Goal
from tuntas.gateway.store import Reader, Taken
from tuntas.gateway.submission import Submission, SubmissionRefused, contradicts, refused_as
from tuntas.kit.messaging.fold import Event
from tuntas.kit.privacy import Digester, Person, Vault
from tuntas.kit.registry import Registry
from tuntas.kit.sealing import sealed as seal_personal
from tuntas.kit.telemetry.trace import Tracing


def person_id(tenant: str, person: str) -> UUID:
    """Return the id of a tenant's person; the caller's own id of them is personal and stays outside."""
    return derive("person", tenant, person)


async def sealed(vault: Vault, registry: Registry, tenant: str, submission: Submission, at: datetime) -> SubmissionTaken:
    """Return a submission with its words, names and personal parameters sealed, and its body digested, with the person's key.

    Raises:
        Transient: `erased_meanwhile`: so was the person.
    """
    body = submission.body
    asker: Asker = body.asker
    person = person_id(tenant, asker.person)
    digesters = await vault.digesters([(tenant, person)], create=True)
    task = TaskSubmitted(
        source=submission.source,
        source_id=submission.source_id,
        reference=asker.reference,
        person=person,
        instrument=asker.instrument,
        travellers=tuple([await vault.seal(tenant, person, name) for name in asker.travellers]),
        tz=asker.tz,
        lang=asker.lang,
        at=at,
        goals=await _goals(vault, registry, tenant, person, body.goals) if isinstance(body, IntentSubmitted) else (),
        utterance=await vault.seal(tenant, person, body.text) if isinstance(body, UtteranceSubmitted) else None,
    )
    return SubmissionTaken(digest=digesters[tenant, person](submission.fingerprint), task=task)


async def _goals(vault: Vault, registry: Registry, tenant: str, person: UUID, goals: Sequence[Goal]) -> tuple[Goal, ...]:
    """Seal what the connectors mark as personal. Nobody serves a goal of an unknown type: it is rejected, and goes nowhere."""
    done = []
    for goal in goals:
        served = registry.serves(goal.type)
        schema = served[1].parameters if served else {}
        done.append(goal.model_copy(update={"parameters": await seal_personal(vault, tenant, person, schema, goal.parameters)}))
    return tuple(done)


@dataclass
class _Met:
    """The submissions that have their task, in rows or in this batch, and the digesters of their persons."""

    taken: dict[UUID, Taken]
    digesters: Mapping[Person, Digester]

    def digest(self, task: UUID, fingerprint: str) -> str:
        """Return a body's digest with the key of the person whose task it is; empty if that key was erased."""
        digester = self.digesters.get((self.taken[task].tenant, self.taken[task].person))
        return digester(fingerprint) if digester else ""


@dataclass(frozen=True)
class Admission:
    """Prepares a batch. Whatever fails here is our own infrastructure, and the batch is met again."""

    reader: Reader
    vault: Vault
    registry: Registry
    tracing: Tracing

    async def prepare(self, events: list[Event]) -> list[Event]:
        """Return the batch as it may be decided; what is not from a door is left as it is."""
        asked = _asked(events)
        met = await self._met(events, asked) if asked else _Met({}, {})
        return [event for event in [await self._one(event, met) for event in events] if event]

    async def _met(self, events: Sequence[Event], asked: set[UUID]) -> _Met:
        """Look up rows and keys for the whole batch. Only what becomes a task makes a key; a repeat or a refusal never does."""
        taken = await self.reader.taken(asked)
        new = _persons([event for event in events if event.task_id not in taken])
        old = {(row.tenant, row.person) for row in taken.values()} - new
        made = await self.vault.digesters(new, create=True)
        return _Met(taken, {**made, **await self.vault.digesters(old, create=False)})

    async def _one(self, event: Event, met: _Met) -> Event | None:
        body = event.body
        if isinstance(body, SubmissionRefused):
            again = body.task in met.taken and not contradicts(met.taken[body.task].digest, met.digest(body.task, body.fingerprint))
            return None if again else self._traced(event)
        if not isinstance(body, Submission):
            return event
        if event.task_id in met.taken:
            return self._again(event, body, met)
        taken = await sealed(self.vault, self.registry, event.tenant, body, datetime.now(UTC))
        met.taken[event.task_id] = Taken(event.tenant, taken.task.person, taken.digest)
        return self._traced(replace(event, body=taken, cause=derive("submission", event.task_id, taken.digest)))

    def _again(self, event: Event, body: Submission, met: _Met) -> Event | None:
        """Drop a repeat. What can't be told from one, because the person was erased, is one: the id has its task."""
        found = met.digest(event.task_id, body.fingerprint)
        return self._traced(_reused(event, body, found)) if contradicts(met.taken[event.task_id].digest, found) else None

    def _traced(self, event: Event) -> Event:
        return replace(event, traceparent=self.tracing.start(f"door {event.name}", event.traceparent))


def _asked(events: Sequence[Event]) -> set[UUID]:
    submitted = {event.task_id for event in events if isinstance(event.body, Submission)}
    return submitted | {event.body.task for event in events if isinstance(event.body, SubmissionRefused) and event.body.task}


def _persons(events: Sequence[Event]) -> set[Person]:
    """Return the persons of the submissions that come first under their ids."""
    first: dict[UUID, Person] = {}
    for event in events:
        if isinstance(event.body, Submission):
            first.setdefault(event.task_id, (event.tenant, person_id(event.tenant, event.body.body.asker.person)))
    return set(first.values())


def _reused(event: Event, body: Submission, digest: str) -> Event:
    """Refuse another body under a known id; the task that has the id goes on untouched."""
    refusal = SubmissionRefused(
        source=body.source, source_id=body.source_id, code="id_reused", reason="another body under the same id", genuine=True
    )
    return refused_as(derive("rejected", event.task_id, digest), event.tenant, refusal, event.traceparent)
