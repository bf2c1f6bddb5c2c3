"""Dead letters are chosen by condition, and what is sent again is the record as it was."""

from dataclasses import dataclass
from uuid import uuid4

import pytest

from tuntas.contracts.base import Message
from tuntas.contracts.connectors import StepUndo
from tuntas.contracts.topics import DEAD_LETTERS
from tuntas.kit.errors import InvalidMessage
from tuntas.kit.messaging.dead_letters import dead_letter
from tuntas.kit.redriving import Letter, letter


@dataclass
class Given:
    """A record as the client library delivers it."""

    topic: str
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    partition: int = 3
    offset: int = 41
    key: bytes | None = b"task"
    timestamp: int = 0


def set_aside(value: bytes = b"{}", kind: type[Message] = StepUndo) -> Letter:
    origin = Given("eu.tuntas.travel.commands.v1", value, (("ce_type", kind.wire_type.encode()), ("ce_tenant", b"acme")))
    made = dead_letter(origin, "connectors-travel", InvalidMessage("bad_body", "no key"))
    headers = tuple((name, text.encode()) for name, text in made.headers.items())
    return letter(Given(DEAD_LETTERS.name, made.body, headers, offset=7))


@pytest.mark.parametrize(
    ("where", "met"),
    [
        ({}, True),
        ({"code": "bad_body", "service": "connectors-travel"}, True),
        ({"topic": "eu.tuntas.travel.commands.v1"}, True),
        ({"type": "tuntas.step.undo.v1", "tenant": "acme"}, True),
        ({"code": "unknown_type"}, False),
        ({"code": "bad_body", "tenant": "brio"}, False),
        ({"type": "tuntas.step.started.v1"}, False),
    ],
)
def test_a_letter_is_chosen_if_it_meets_all_conditions(where: dict[str, str], met: bool) -> None:
    assert set_aside().meets(where) is met


def test_what_is_sent_again_is_the_record_as_it_was() -> None:
    found = set_aside(str(uuid4()).encode())
    assert found.place == "eu.tuntas.travel.commands.v1/3/41"
    assert found.record is not None
    assert (found.record.topic, found.record.key) == ("eu.tuntas.travel.commands.v1", b"task")
    assert set(found.record.headers) == {"ce_type", "ce_tenant"}


def test_a_record_that_was_cut_is_shown_and_not_sent_again() -> None:
    found = set_aside(b"x" * 1_000_000)
    assert (found.record, found.facts["code"]) == (None, "bad_body")
