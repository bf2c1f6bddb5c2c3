"""Between the door and the row: repeats are dropped, reused ids refused, and what is personal sealed, before anything is stored or sent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from tuntas.contracts.gateway import Asker, IntentSubmitted, SubmissionTaken, TaskSubmitted, UtteranceSubmitted
from tuntas.contracts.ids import derive
from tuntas.gateway.store import Reader
from tuntas.gateway.submission import Submission, SubmissionRefused, refused_as
from tuntas.kit.messaging.fold import Event
from tuntas.kit.privacy import Vault
from tuntas.kit.telemetry.trace import Tracing


def person_id(tenant: str, person: str) -> UUID:
    """Return the id of a tenant's person; the caller's own id of them is personal and stays outside."""
    return derive("person", tenant, person)


async def sealed(vault: Vault, tenant: str, submission: Submission, at: datetime) -> SubmissionTaken:
    """Return a submission with its words and names sealed with the person's key."""
    body = submission.body
    asker: Asker = body.asker
    person = person_id(tenant, asker.person)
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
        goals=body.goals if isinstance(body, IntentSubmitted) else (),
        utterance=await vault.seal(tenant, person, body.text) if isinstance(body, UtteranceSubmitted) else None,
    )
    return SubmissionTaken(digest=submission.digest, task=task)


@dataclass(frozen=True)
class Admission:
    """Prepares a batch. Whatever fails here is our own infrastructure, and the batch is met again."""

    reader: Reader
    vault: Vault
    tracing: Tracing

    async def prepare(self, events: list[Event]) -> list[Event]:
        """Return the batch as it may be decided; what is not from a door is left as it is."""
        asked = _asked(events)
        known = await self.reader.digests(asked) if asked else {}
        return [event for event in [await self._one(event, known) for event in events] if event]

    async def _one(self, event: Event, known: dict[UUID, str]) -> Event | None:
        body = event.body
        if isinstance(body, SubmissionRefused):
            again = body.task is not None and known.get(body.task) == body.digest
            return None if again else self._traced(event)
        if not isinstance(body, Submission):
            return event
        if event.task_id in known:
            return None if known[event.task_id] == body.digest else self._traced(_reused(event, body))
        known[event.task_id] = body.digest
        taken = await sealed(self.vault, event.tenant, body, datetime.now(UTC))
        return self._traced(replace(event, body=taken))

    def _traced(self, event: Event) -> Event:
        return replace(event, traceparent=self.tracing.start(f"door {event.name}", event.traceparent))


def _asked(events: Sequence[Event]) -> set[UUID]:
    submitted = {event.task_id for event in events if isinstance(event.body, Submission)}
    return submitted | {event.body.task for event in events if isinstance(event.body, SubmissionRefused) and event.body.task}


def _reused(event: Event, body: Submission) -> Event:
    """Refuse another body under a known id; the task that has the id goes on untouched."""
    refusal = SubmissionRefused(
        source=body.source, source_id=body.source_id, code="id_reused", reason="another body under the same id", genuine=True
    )
    return refused_as(derive("rejected", event.task_id, body.digest), event.tenant, refusal, event.traceparent)
