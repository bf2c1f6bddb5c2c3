"""A command that can't be read, but says which attempt it is."""

import json
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from tuntas.contracts.base import utc
from tuntas.contracts.connectors import Outcome, StepReplied
from tuntas.contracts.envelope import Envelope
from tuntas.kit.connector.core import Rules, core
from tuntas.kit.connector.malformed import StepMalformed, read
from tuntas.kit.connector.provider import Specs
from tuntas.kit.errors import InvalidMessage
from tuntas.testkit.history import START, History


def record(body: bytes, wire_type: str = "tuntas.step.started.v1") -> Any:
    task = uuid4()
    envelope = Envelope(id=uuid4(), type=wire_type, source="t", time=START, tenant="acme", task_id=task, cause=uuid4())
    headers = tuple((k, v.encode()) for k, v in envelope.headers().items())
    return SimpleNamespace(topic="t", partition=0, offset=0, key=str(task).encode(), value=body, headers=headers)


def test_a_bad_command_that_names_its_attempt_is_set_aside_and_decided() -> None:
    key = uuid4()
    event = read(record(json.dumps({"declaration": {"step_id": "hotel.hold", "attempt": 2, "key": str(key)}}).encode()))
    assert isinstance(event.body, StepMalformed)
    assert (event.body.key, event.body.attempt) == (key, 2)
    assert event.aside is not None
    assert event.aside.code == "bad_body"


def test_what_the_database_would_not_keep_is_left_out_of_what_is_told() -> None:
    key = uuid4()
    event = read(record(json.dumps({"declaration": {"step_id": "ho\x00tel", "attempt": 1, "key": str(key)}}).encode()))
    assert isinstance(event.body, StepMalformed)
    assert event.body.step_id == "hotel"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"declaration": {"key": "x"}}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"declaration": {"step_id": "\\ud800", "attempt": 1, "key": "00000000-0000-0000-0000-000000000000"}}',
        b'{"declaration": {"step_id": "a", "attempt": 1e400, "key": "00000000-0000-0000-0000-000000000000"}}',
    ],
)
def test_a_command_that_names_nothing_is_only_set_aside(body: bytes) -> None:
    with pytest.raises(InvalidMessage):
        read(record(body))


def test_the_refusal_is_kept_so_that_a_redriven_command_cannot_act() -> None:
    specs = Specs(connector="travel", actions={}, providers={})
    history = History(core(Rules(specs, lambda _: None)), "connectors-travel", utc(START))
    key = uuid4()
    history.given(StepMalformed(step_id="hotel.hold", attempt=1, key=key, reason="bad_body"))
    reply = history.last(StepReplied)
    assert (reply.outcome, reply.code, reply.key) == (Outcome.REFUSED, "invalid", key)
    assert history.given(StepMalformed(step_id="hotel.hold", attempt=1, key=key, reason="bad_body")) == []
