"""Between the door and the row."""

from datetime import timedelta
from typing import Any

import pytest

from tuntas.contracts.gateway import SubmissionTaken, UtteranceSubmitted
from tuntas.contracts.ids import derive
from tuntas.gateway.admission import Admission
from tuntas.gateway.submission import SubmissionRefused
from tuntas.kit.messaging.fold import Event
from tuntas.kit.telemetry.trace import Tracing
from tuntas.testkit.history import START

WORDS = {"asker": {"person": "p-1", "travellers": ["Siti Rahma"]}, "text": "hotel in Bandung"}


@pytest.fixture
def admission(house: Any) -> Admission:
    """Return what prepares batches, with the house's rows and vault."""
    return Admission(house.reader, house.vault, Tracing("gateway", None, 1.0))


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


async def test_a_trace_begins_at_the_door_or_goes_on_there(street: Any, admission: Admission) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    joined, begun = await admission.prepare([street.brings(traceparent=parent), spoken(street, traceparent="x" * 5000)])
    assert joined.traceparent[3:35] == parent[3:35]
    assert len(begun.traceparent) == len(parent)


GOAL = {"goal_id": "hotel", "type": "travel.hotel_stay", "parameters": {}}
