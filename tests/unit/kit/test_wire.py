"""Records in and out: nothing that arrives can raise anything but InvalidMessage, and keys lie where every client puts them."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from aiokafka.partitioner import DefaultPartitioner, murmur2
from hypothesis import given
from hypothesis import strategies as st

from tuntas.contracts.ids import derive
from tuntas.contracts.intent import IntentUnread
from tuntas.contracts.topics import INTENT_EVENTS, PARTITIONS, Kind, Topic
from tuntas.kit.decision import Send
from tuntas.kit.errors import InvalidMessage
from tuntas.kit.messaging.wire import MAX_BODY_BYTES, Record, decode, decode_body, encode, partition_of
from tuntas.kit.persistence import postgres

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TASK = derive("task")


@dataclass
class Arrived:
    """A record as a client delivers it."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    topic: str = INTENT_EVENTS.name
    partition: int = 0
    offset: int = 0
    timestamp: int = 0


def sent(send: Send, tenant: str = "acme") -> Record:
    return encode(send, source="intent", task_id=TASK, tenant=tenant, cause_id=derive("cause"), ordinal=0, now=NOW, traceparent="")


def arrived(record: Record, **changes: object) -> Arrived:
    headers = tuple((name, value.encode()) for name, value in record.headers.items())
    found = Arrived(record.key, record.body, headers)
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def test_a_key_lies_where_the_java_client_puts_it() -> None:
    golden = {
        "00000000-0000-0000-0000-000000000000": 3,
        "6d7b1f52-6b0a-5c0e-9c38-1f6f7a0d2e11": 2,
        "ffffffff-ffff-ffff-ffff-ffffffffffff": 0,
    }
    assert {key: partition_of(key) for key in golden} == golden


@pytest.mark.parametrize(
    ("key", "hashed"), [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536), (b"abc", 479470107)]
)
def test_the_hash_is_the_one_kafka_tests_its_own_with(key: bytes, hashed: int) -> None:
    assert murmur2(key) & 0xFFFFFFFF == hashed & 0xFFFFFFFF


@given(st.uuids())
def test_a_key_lies_where_the_client_library_puts_it(key: UUID) -> None:
    everywhere = list(range(PARTITIONS))
    assert partition_of(key) == DefaultPartitioner()(str(key).encode(), everywhere, everywhere)


@given(
    st.from_regex(r"[a-z][a-z0-9_]{0,63}", fullmatch=True),
    st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=500),
    st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True),
)
def test_what_is_sent_comes_back(code: str, reason: str, tenant: str) -> None:
    message = IntentUnread(code=code, reason=reason)
    found = decode(arrived(sent(Send(message, expires_at=NOW + timedelta(minutes=1), reply_to=INTENT_EVENTS), tenant)))
    assert found.message == message
    assert (found.envelope.task_id, found.envelope.tenant, found.envelope.cause) == (TASK, tenant, derive("cause"))
    assert (found.envelope.expires_at, found.envelope.reply_to) == (NOW + timedelta(minutes=1), INTENT_EVENTS.name)


@given(st.one_of(st.none(), st.binary(max_size=60)), st.one_of(st.none(), st.binary(max_size=60)), st.binary(max_size=20))
def test_no_bytes_raise_anything_but_an_invalid_message(key: bytes | None, value: bytes | None, header: bytes) -> None:
    good = arrived(sent(Send(IntentUnread(code="x"))))
    for headers in ((), (("ce_id", header), ("ce_type", None)), good.headers):
        with suppress(InvalidMessage):
            decode(Arrived(key, value, headers))


@pytest.mark.parametrize(
    ("wire_type", "body", "code"),
    [
        ("tuntas.nobody.knows.v1", b"{}", "unknown_type"),
        (IntentUnread.wire_type, b"{", "bad_body"),
        (IntentUnread.wire_type, b'{"code": "Not A Code"}', "bad_body"),
        (IntentUnread.wire_type, b'{"code": "x", "reason": "\\u0000"}', "nul_character"),
        (IntentUnread.wire_type, b" " * (MAX_BODY_BYTES + 1), "too_large"),
    ],
)
def test_a_body_that_can_not_be_read_says_why(wire_type: str, body: bytes, code: str) -> None:
    with pytest.raises(InvalidMessage) as refused:
        decode_body(wire_type, body)
    assert refused.value.code == code


def test_a_key_that_is_no_id_is_a_bad_envelope() -> None:
    with pytest.raises(InvalidMessage, match="bad_envelope"):
        decode(arrived(sent(Send(IntentUnread(code="x"))), key=b"order-9"))


@pytest.mark.parametrize("header", ["ce_type", "ce_source", "ce_tenant", "ce_replyto", "traceparent"])
@pytest.mark.parametrize("text", [b"a\x00b", b"a\nb", b"a" * 201])
def test_text_that_can_not_be_kept_is_a_bad_envelope(header: str, text: bytes) -> None:
    record = arrived(sent(Send(IntentUnread(code="unread"))))
    kept = tuple((name, value) for name, value in record.headers if name != header)
    with pytest.raises(InvalidMessage, match=f"bad_envelope: {header}"):
        decode(arrived(sent(Send(IntentUnread(code="unread"))), headers=(*kept, (header, text))))


def test_a_state_topics_record_has_no_partition_of_its_own() -> None:
    assert sent(Send(IntentUnread(code="x"), Topic("tuntas.state.v1", Kind.STATE))).partition is None
    assert sent(Send(IntentUnread(code="x"))).partition == partition_of(TASK)


def test_what_nobody_could_read_is_not_sent() -> None:
    with pytest.raises(InvalidMessage) as refused:
        sent(Send(IntentUnread(code="Not A Code")))
    assert refused.value.code == "bad_body"


def test_parcels_are_read_back_as_they_were_and_are_smaller() -> None:
    records = [sent(Send(IntentUnread(code="x", reason="价格 é" * 50)))] * 3
    packed = postgres._packed(records)
    assert postgres._unpacked(packed) == records
    assert len(packed) < len(records[0].body)
