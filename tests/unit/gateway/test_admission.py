"""Between the door and the row."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from tuntas.contracts.gateway import SubmissionTaken, UtteranceSubmitted
from tuntas.contracts.ids import derive, digest
from tuntas.gateway.admission import Admission
from tuntas.gateway.submission import SubmissionRefused
from tuntas.kit.messaging.fold import Event
from tuntas.kit.telemetry.trace import Tracing
from tuntas.testkit.history import START

GOAL = {"goal_id": "hotel", "type": "travel.hotel_stay", "parameters": {}}
WORDS = {"asker": {"person": "p-1", "travellers": ["Siti Rahma"]}, "text": "hotel in Bandung"}


@pytest.fixture
def admission(house: Any) -> Admission:
    """Return what prepares batches, with the house's rows and vault."""
    return Admission(house.reader, house.vault, house.gate.registry, Tracing("gateway", None, 1.0))


def spoken(street: Any, **options: Any) -> Event:
    event: Event = street.brings(
        WORDS, topic="brio.intents", signer=None, ce_tenant="brio", ce_type=UtteranceSubmitted.wire_type, **options
    )
    return event


async def test_what_is_personal_is_sealed_before_it_can_be_stored(street: Any, house: Any, admission: Admission) -> None:
    (event,) = await admission.prepare([spoken(street)])
    assert isinstance(event.body, SubmissionTaken)
    assert house.vault.plain == ["Siti Rahma", "hotel in Bandung"]
    task = event.body.task
    assert (task.person, task.source_id, len(task.travellers)) == (derive("person", "brio", "p-1"), "s-1", 1)
    assert "Siti" not in event.body.model_dump_json()
    assert event.origin is None


async def test_what_is_not_from_a_door_passes_untouched(admission: Admission) -> None:
    event = Event(derive("t"), "acme", derive("c"), UtteranceSubmitted.model_validate(WORDS))
    assert await admission.prepare([event]) == [event]


async def test_a_known_submission_is_dropped_before_anything_is_sealed(street: Any, house: Any, admission: Admission) -> None:
    (event,) = await admission.prepare([street.brings()])
    house.tell(event.task_id, event.tenant, event.body)
    assert await admission.prepare([street.brings(), street.brings()]) == []


async def test_two_of_the_same_in_one_batch_are_one(street: Any, admission: Admission) -> None:
    assert len(await admission.prepare([street.brings(), street.brings()])) == 1


async def test_another_body_under_a_known_id_is_refused_at_an_id_of_its_own(street: Any, house: Any, admission: Admission) -> None:
    first, other = await admission.prepare([street.brings(), street.brings({"asker": {"person": "p-2"}, "goals": [GOAL]})])
    assert isinstance(other.body, SubmissionRefused)
    assert (other.body.code, other.body.genuine) == ("id_reused", True)
    assert other.task_id != first.task_id
    house.tell(first.task_id, "acme", first.body)
    (again,) = await admission.prepare([street.brings({"asker": {"person": "p-2"}, "goals": [GOAL]})])
    assert (again.task_id, again.cause) == (other.task_id, other.cause)


async def test_a_task_that_was_taken_in_time_is_not_refused_when_its_record_is_met_again(
    street: Any, house: Any, admission: Admission
) -> None:
    (event,) = await admission.prepare([street.brings()])
    house.tell(event.task_id, event.tenant, event.body)
    letter = street.letter()
    street.door = type(street.door)(street.door.tenants, street.door.inner, now=lambda: START + timedelta(hours=2))
    late = street.door.read(letter)
    assert late.body.code == "expired"
    assert await admission.prepare([late]) == []
    house.reader.rows = {}
    assert [e.body.code for e in await admission.prepare([late]) if isinstance(e.body, SubmissionRefused)] == ["expired"]


OTHER = {"asker": {"person": "p-2"}, "goals": [GOAL]}
PLAIN = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
"""What a digest looks like."""


async def prepared(admission: Admission, events: list[Event]) -> list[Any]:
    """Prepare a batch."""
    return list(await admission.prepare(events))


async def test_what_is_stored_of_a_body_confirms_no_guess_at_it(street: Any, house: Any, admission: Admission) -> None:
    body = json.dumps(WORDS).encode()
    (event,) = await prepared(admission, [spoken(street)])
    plain = digest(body)
    assert event.body.digest == house.vault.keys["brio", derive("person", "brio", "p-1")](plain)
    kept = f"{event!r} {event.body.model_dump_json()}"
    assert plain not in kept
    assert event.cause != derive("submission", event.task_id, plain)
    assert set(PLAIN.findall(kept)) == {event.body.digest.partition(":")[2]}


async def test_what_comes_from_the_door_shows_no_digest_of_a_body(street: Any) -> None:
    street.expires_at = START + timedelta(hours=1)
    met: Any = spoken(street)
    assert not PLAIN.search(f"{met!r} {met.body.model_dump_json()}")
    street.expires_at = START
    assert street.brings().body.code == "expired"
    assert not PLAIN.search(f"{street.brings()!r} {street.brings().body.model_dump_json()}")


async def test_a_batch_of_many_persons_looks_keys_up_once(street: Any, house: Any, admission: Admission) -> None:
    bodies = [{"asker": {"person": f"p-{n}", "travellers": ["A"]}, "goals": [GOAL]} for n in range(20)]
    letters = [street.brings(body, topic="brio.intents", signer=None, ce_tenant="brio", ce_id=f"s-{n}") for n, body in enumerate(bodies)]
    assert len(await admission.prepare(letters)) == 20
    assert [len(persons) for persons in house.vault.looks] == [20]


async def test_a_refused_body_makes_no_key_for_whom_it_names(street: Any, house: Any, admission: Admission) -> None:
    await prepared(admission, [street.brings(), street.brings(OTHER)])
    (first,) = await prepared(admission, [street.brings()])
    house.tell(first.task_id, "acme", first.body)
    (refused,) = await prepared(admission, [street.brings(OTHER)])
    street.expires_at = START
    await prepared(admission, [street.brings(OTHER)])
    assert refused.body.code == "id_reused"
    assert set(house.vault.keys) == {("acme", derive("person", "acme", "p-1"))}


async def test_after_an_erasure_whatever_comes_under_the_id_is_taken_for_a_repeat(street: Any, house: Any, admission: Admission) -> None:
    (event,) = await prepared(admission, [street.brings()])
    house.tell(event.task_id, "acme", event.body)
    await house.vault.erase("acme", event.body.task.person)
    assert await prepared(admission, [street.brings(), street.brings(OTHER)]) == []
    assert house.vault.keys == {}
    street.expires_at = START
    assert await prepared(admission, [street.brings()]) == []


async def test_a_person_who_came_back_after_an_erasure_gets_no_second_task_for_a_repeat(
    street: Any, house: Any, admission: Admission
) -> None:
    (event,) = await prepared(admission, [street.brings()])
    house.tell(event.task_id, "acme", event.body)
    await house.vault.erase("acme", event.body.task.person)
    await house.vault.seal("acme", event.body.task.person, "anything")
    assert await prepared(admission, [street.brings()]) == []


async def test_a_trace_begins_at_the_door_or_goes_on_there(street: Any, admission: Admission) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    joined, begun = await admission.prepare([street.brings(traceparent=parent), spoken(street, traceparent="x" * 5000)])
    assert joined.traceparent[3:35] == parent[3:35]
    assert len(begun.traceparent) == len(parent)
