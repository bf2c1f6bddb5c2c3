"""The worst at every door of every service; what is not in test_poison (topics) and test_doors (the public door) stands here.

Topics get odd bytes, headers and keys, and every message of the contract about a task that nobody knows, twice. Webhooks, health and
metrics get what a stranger sends. Afterwards good tasks go through every partition.
"""

import asyncio
import hashlib
import hmac
import json
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from tests.contract.test_examples import EXAMPLES, WIRE
from tests.e2e.test_poison import CANCEL, INNER, STATE, Headers, envelope, fresh, readers, set_aside

from tuntas.contracts.topics import CONNECTORS, PARTITIONS, connector_commands, connector_events
from tuntas.kit.messaging.wire import partition_of
from tuntas.local.demo.paying import transfer

if TYPE_CHECKING:
    from tests.e2e.conftest import House

NO_ROW = {"tuntas.plan.amend.v1"}
"""Answered without a row for an unknown task, by which a repeat could be known: it is sent once."""

NUL = "a\x00b"
DEEP = b"[" * 100_000 + b"]" * 100_000

Odd = tuple[str, bytes | None, Headers, bytes | None]
KEY = str(uuid4()).encode()
ODD: dict[str, Odd] = {
    "a NUL as an escape": ("nul_character", b'{"by": "a\\u0000b"}', envelope(CANCEL), KEY),
    "a NUL as a byte": ("bad_body", b'{"by": "a\x00b"}', envelope(CANCEL), KEY),
    "no UTF-8": ("bad_body", b'{"by": "\xff\xfe"}', envelope(CANCEL), KEY),
    "half a surrogate pair": ("bad_body", b'{"by": "\\ud800"}', envelope(CANCEL), KEY),
    "depth": ("bad_body", DEEP, envelope(CANCEL), KEY),
    "a number without end": ("bad_body", b'{"by": ' + b"9" * 5000 + b"}", envelope(CANCEL), KEY),
    "no key": ("bad_envelope", b'{"by": "person"}', envelope(CANCEL), None),
    "a key that is no id": ("bad_envelope", b'{"by": "person"}', envelope(CANCEL), b"\xff\x00"),
    "another version": ("unknown_type", b'{"by": "person"}', envelope("tuntas.task.cancel.v9"), KEY),
    "no tenant": ("bad_envelope", b'{"by": "person"}', envelope(CANCEL) | {"ce_tenant": None}, KEY),
    "a NUL in the tenant": ("bad_envelope", b'{"by": "person"}', envelope(CANCEL, NUL), KEY),
    "a NUL in the trace": ("bad_envelope", b'{"by": "person"}', envelope(CANCEL) | {"traceparent": NUL}, KEY),
    "a time that is none": ("bad_envelope", b'{"by": "person"}', envelope(CANCEL) | {"ce_time": "yesterday"}, KEY),
    "an end that is none": ("bad_envelope", b'{"by": "person"}', envelope(CANCEL) | {"ce_expirytime": "soon"}, KEY),
}


def topics_of(wire_type: str) -> list[str]:
    """Return the inner topics on which a message travels."""
    topic = WIRE[wire_type].topic
    if topic is not None:
        return [topic.name] if topic.name in (*INNER, *STATE) else []
    made = connector_events if wire_type.startswith("tuntas.effect.") else connector_commands
    return [made(name).name for name in CONNECTORS]


async def everywhere(house: "House") -> None:
    """Let a good task go through each partition."""
    names = {partition: next(n for n in (fresh() for _ in count()) if _lands(house, n, partition)) for partition in range(PARTITIONS)}
    person = f"payer-{uuid4().hex[:8]}"
    await house.mandate(person, {"IDR": 10**12}, goal_types=["pay.*"])
    plays = [await house.submit(name, [transfer()], person=person) for name in names.values()]
    for play in plays:
        await play.until("completed")


def _lands(house: "House", name: str, partition: int) -> bool:
    return partition_of(house.play(name).task) == partition


async def _letters(house: "House") -> Counter[tuple[str, str, str]]:
    return Counter((letter["topic"], letter["service"], letter["code"]) for letter in await set_aside(house))


@pytest.mark.timeout(180)
async def test_every_odd_record_is_set_aside_with_its_code_and_good_tasks_go_through(house: "House") -> None:
    before, wanted = await _letters(house), Counter[tuple[str, str, str]]()
    for code, value, headers, key in ODD.values():
        wanted.update((topic, service, code) for topic, service in readers())
        for topic in (*INNER, *(STATE if key else ())):  # a broker keeps no record without a key where it compacts
            await house.produce(topic, value, {name: v for name, v in headers.items() if v is not None}, key)
    await everywhere(house)
    deadline = asyncio.get_running_loop().time() + 30
    while missing := wanted - (await _letters(house) - before):
        assert asyncio.get_running_loop().time() < deadline, missing
        await asyncio.sleep(0.2)  # a service that no good task waits for tells nobody how far it has read


@pytest.mark.timeout(180)
async def test_every_message_about_a_task_that_nobody_knows_and_its_repeat_change_nothing_for_others(house: "House") -> None:
    for wire_type in WIRE:
        body = (EXAMPLES / f"{wire_type}.json").read_bytes()
        for topic in topics_of(wire_type):
            if topic in STATE:
                continue  # what is followed is believed: whoever may write there is the platform
            headers, task = envelope(wire_type), str(uuid4()).encode()
            for _ in range(1 if wire_type in NO_ROW else 2):
                await house.produce(topic, body, headers, task)
    await everywhere(house)


def _doors(house: "House") -> str:
    return house.profile.gateway


@pytest.mark.parametrize("connector", CONNECTORS)
async def test_a_webhook_takes_what_is_signed_and_nothing_else(house: "House", connector: str) -> None:
    base, task, key = f"{_doors(house)}/webhooks/{connector}", uuid4(), uuid4()
    odd: list[tuple[str, str, dict[str, Any], set[int]]] = [
        ("POST", f"/acme/{task}/{key}", {"content": b"{}"}, {401}),
        ("POST", f"/acme/{task}/{key}", {"content": b"{}", "headers": {"X-Signature": "00" * 32}}, {401}),
        ("POST", f"/acme/{task}/{key}", {"content": b"\xff\x00", "headers": {"X-Signature": b"\xff\xfe"}}, {401}),
        ("POST", f"/acme/{task}/{key}", {"content": b"x" * 3_000_000}, {401, 413}),
        ("POST", "/acme/no-id/no-id", {"content": b"{}"}, {401, 404}),
        ("POST", f"/%00/{task}/{key}", {"content": b"{}"}, {401, 404}),
        ("POST", "/acme", {"content": b"{}"}, {404}),
        ("GET", f"/acme/{task}/{key}", {}, {405}),
        ("DELETE", f"/acme/{task}/{key}", {}, {405}),
    ]
    for method, path, options, fine in odd:
        answer = await house.http.request(method, f"{base}{path}", **options)
        assert answer.status_code in fine, (method, path, answer.status_code)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_health_and_metrics_are_read_however_they_are_asked(house: "House", path: str) -> None:
    odd: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", f"{path}?a=%00&a=\u4f60", {}),
        ("GET", path, {"headers": {"Accept": "\u0001"}}),
        ("GET", path, {"headers": {"X-Long": "x" * 6000}}),
        ("POST", path, {"content": b"\x00" * 2000}),
        ("PUT", path, {"content": b"{"}),
        ("GET", f"{path}/../{path}", {}),
    ]
    for method, address, options in odd:
        answer = await house.http.request(method, f"{_doors(house)}{address}", **options)
        assert answer.status_code < 500, (method, address, answer.status_code)
    assert (await house.http.get(f"{_doors(house)}{path}")).status_code in {200, 204}


async def test_a_signed_hint_about_nothing_that_is_known_is_taken_and_changes_nothing(house: "House") -> None:
    secret = house.platform.secrets.webhook
    for connector in CONNECTORS:
        for body in (b"", b"\x00", b"[]", json.dumps({"status": NUL}).encode()):
            signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
            path = f"/webhooks/{connector}/acme/{uuid4()}/{UUID(int=0)}"
            headers = {"X-Signature": signature, "X-Event-Id": "e" * 500}
            answer = await house.http.post(f"{_doors(house)}{path}", content=body, headers=headers)
            assert answer.status_code == 202
    await everywhere(house)
