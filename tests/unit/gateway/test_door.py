"""The Kafka door: who is let in, and each reason for not being let in."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuntas.contracts.gateway import MAX_SUBMISSION_BYTES, IntentSubmitted, UtteranceSubmitted
from tuntas.contracts.ids import task_id
from tuntas.gateway.submission import Submission, SubmissionRefused
from tuntas.kit.errors import InvalidMessage
from tuntas.testkit.history import START

GOAL = {"goal_id": "hotel", "type": "travel.hotel_stay", "parameters": {}}


def code(event: Any) -> str:
    assert isinstance(event.body, SubmissionRefused), event.body
    return event.body.code


def test_a_signed_submission_is_let_in_as_the_task_its_id_names(street: Any) -> None:
    event = street.brings()
    assert isinstance(event.body, Submission)
    assert isinstance(event.body.body, IntentSubmitted)
    assert (event.task_id, event.tenant) == (task_id("acme", "shop", "s-1"), "acme")


def test_the_same_submission_read_again_is_the_same_event(street: Any) -> None:
    first, again = street.letter(), street.letter()
    again.offset, again.key = 99, None
    assert street.door.read(first) == street.door.read(again)


def test_a_topic_of_ones_own_needs_no_signature(street: Any) -> None:
    event = street.brings(topic="brio.intents", signer=None, drop=("ce_tenant", "ce_expirytime"))
    assert (event.tenant, type(event.body)) == ("brio", Submission)


def test_words_are_let_in_and_never_shown_in_a_representation(street: Any) -> None:
    event = street.brings(
        {"asker": {"person": "p"}, "text": "hotel in Bandung"},
        topic="brio.intents",
        signer=None,
        ce_tenant="brio",
        ce_type=UtteranceSubmitted.wire_type,
    )
    assert event.body.body.text == "hotel in Bandung"
    assert "Bandung" not in repr(event)


def test_too_much_is_refused_before_it_is_read(street: Any) -> None:
    assert code(street.brings(raw=b"\xff" * (MAX_SUBMISSION_BYTES + 1))) == "too_large"


@pytest.mark.parametrize("raw", [b"\xff\xfe", b'{"text": "\xc3"}'])
def test_a_body_that_is_not_utf8_is_refused(street: Any, raw: bytes) -> None:
    assert code(street.brings(raw=raw)) == "not_utf8"


def test_a_header_that_is_not_utf8_is_refused(street: Any) -> None:
    letter = street.letter()
    letter.headers = (*letter.headers, ("traceparent", b"\xff"))
    assert code(street.door.read(letter)) == "not_utf8"


@pytest.mark.parametrize(
    "fault",
    [
        {"drop": ("ce_id",)},
        {"drop": ("ce_type",)},
        {"drop": ("ce_source",)},
        {"drop": ("ce_tenant",)},
        {"drop": ("ce_expirytime",)},
        {"ce_id": "x" * 201},
        {"ce_source": "a\nb"},
        {"ce_source": "a\0b"},
        {"ce_expirytime": "tomorrow"},
        {"ce_expirytime": "2026-12-01T09:00:00"},
        {"ce_expirytime": "0001-01-01T00:00:00+14:00"},
        {"ce_specversion": "0.3"},
    ],
)
def test_a_malformed_envelope_is_refused(street: Any, fault: dict[str, Any]) -> None:
    assert code(street.brings(**fault)) == "bad_envelope"


@pytest.mark.parametrize("wire_type", ["tuntas.task.submitted.v1", "tuntas.submission.taken.v1", "tuntas.submission", "x"])
def test_no_inner_message_enters_by_the_door(street: Any, wire_type: str) -> None:
    assert code(street.brings(ce_type=wire_type)) == "unknown_type"


def test_an_unknown_tenant_is_refused_and_not_named(street: Any) -> None:
    event = street.brings(ce_tenant="nobody")
    assert (code(event), event.tenant) == ("unknown_tenant", "")


@pytest.mark.parametrize("missing", ["ce_signature", "ce_keyid"])
def test_the_shared_topic_needs_a_signature(street: Any, missing: str) -> None:
    assert code(street.brings(drop=(missing,))) == "no_signature"


@pytest.mark.parametrize(
    "fault",
    [
        {"ce_id": "s-2"},
        {"ce_source": "shoq"},
        {"ce_type": "tuntas.utterance.submitted.v1"},
        {"ce_expirytime": "2026-12-01T11:00:00Z"},
        {"ce_signature": "AAAA"},
        {"ce_signature": "not base64"},
        {"ce_keyid": "other"},
        {"signed_for": "brio"},
    ],
)
def test_a_signature_covers_every_attribute(street: Any, fault: dict[str, Any]) -> None:
    assert code(street.brings(**fault)) == "forged"


def test_a_signature_covers_the_body(street: Any) -> None:
    letter = street.letter()
    letter.value += b" "
    assert code(street.door.read(letter)) == "forged"


def test_the_same_instant_with_another_offset_is_still_signed(street: Any) -> None:
    assert isinstance(street.brings(ce_expirytime="2026-12-01T17:00:00+07:00").body, Submission)


@pytest.mark.parametrize("fault", [{"signer": "brio", "signed_for": "brio"}, {"ce_tenant": "brio"}])
def test_what_was_signed_for_another_tenant_is_foreign(street: Any, fault: dict[str, Any]) -> None:
    assert code(street.brings(**fault)) == "foreign"


@pytest.mark.parametrize("topic", ["brio.intents", "gone.intents"])
def test_another_tenants_topic_is_foreign_whatever_is_signed(street: Any, topic: str) -> None:
    assert code(street.brings(topic=topic)) == "foreign"


def test_what_expired_is_refused_with_the_task_it_asked_for(street: Any) -> None:
    street.expires_at = START
    event = street.brings()
    assert (code(event), event.body.task) == ("expired", task_id("acme", "shop", "s-1"))


def test_what_would_live_too_long_is_refused(street: Any) -> None:
    street.expires_at = START + timedelta(days=7, seconds=1)
    assert code(street.brings()) == "bad_expiry"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"[" * 300 + b"]" * 300,
        json.dumps({"asker": {"person": ""}, "goals": [GOAL]}).encode(),
        json.dumps({"asker": {"person": "p"}, "goals": []}).encode(),
        json.dumps({"asker": {"person": "p", "tz": "Nowhere/Land"}, "goals": [GOAL]}).encode(),
        json.dumps({"asker": {"person": "p", "tz": "../../etc/passwd"}, "goals": [GOAL]}).encode(),
        json.dumps({"asker": {"person": "p"}, "goals": [GOAL | {"parameters": {"a": "\0"}}]}).encode(),
        json.dumps({"asker": {"person": "p"}, "goals": [GOAL | {"parameters": {"\0": 1}}]}).encode(),
        b'{"asker": {"person": "\\ud800"}, "goals": []}',
        b'{"asker": {"person": "p"}, "goals": [{"goal_id": "a", "type": "t", "parameters": {"a": [1e999]}}]}',
        b'{"asker": {"person": "p"}, "goals": [{"goal_id": "a", "type": "t", "parameters": {"a": NaN}}]}',
    ],
)
def test_a_body_that_does_not_fit_is_refused(street: Any, raw: bytes) -> None:
    assert code(street.brings(raw=raw)) == "bad_body"


def test_a_missing_value_is_refused(street: Any) -> None:
    letter = street.letter(topic="brio.intents", ce_tenant="brio")
    letter.value = None
    assert code(street.door.read(letter)) == "bad_body"


def test_a_refusal_has_an_id_of_its_own_that_a_second_reading_repeats(street: Any) -> None:
    event, again = street.brings(ce_signature="AAAA"), street.brings(ce_signature="AAAA")
    assert event.task_id == again.task_id == event.cause
    assert event.task_id != task_id("acme", "shop", "s-1")
    assert (event.tenant, event.body.source_id, event.body.genuine) == ("acme", "s-1", False)


def test_a_refusal_does_not_repeat_what_a_person_said(street: Any) -> None:
    event = street.brings({"asker": {"person": "Siti Rahma"}, "text": 7})
    assert code(event) == "bad_body"
    assert "Siti" not in event.body.model_dump_json()


def test_an_inner_topic_is_read_as_such(street: Any) -> None:
    with pytest.raises(InvalidMessage, match="bad_envelope"):
        street.brings(topic="tuntas.gateway.events.v1")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(
    value=st.none() | st.binary(max_size=200),
    headers=st.lists(st.tuples(st.text(max_size=12), st.none() | st.binary(max_size=40)), max_size=6),
)
def test_no_record_whatever_is_in_it_raises_at_the_door(street: Any, value: bytes | None, headers: list[Any]) -> None:
    letter = street.letter()
    letter.value, letter.headers = value, (*letter.headers, *headers)
    assert isinstance(street.door.read(letter).body, Submission | SubmissionRefused)
