"""Records that nobody should have written, in every inner topic, while good tasks flow: the good ones end, the others are set aside."""

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from tuntas.contracts.base import utc
from tuntas.contracts.topics import CONNECTORS, DEAD_LETTERS, INTENTS, TASKS, all_topics
from tuntas.kit import redriving
from tuntas.kit.settings import KafkaSettings, PlatformSettings
from tuntas.local.services import PACKAGES, declared

if TYPE_CHECKING:
    from tests.e2e.conftest import House

INNER = tuple(topic.name for topic in all_topics(CONNECTORS) if topic not in {INTENTS, TASKS, DEAD_LETTERS} and not topic.compacted)
STATE = tuple(topic.name for topic in all_topics(CONNECTORS) if topic.compacted)
CANCEL = "tuntas.task.cancel.v1"
UNDO = json.dumps({"step_id": "flight.hold", "key": str(uuid4()), "number": 1}).encode()
AMEND = b'{"revision": 1, "epoch": 1, "failed_legs": ["flight"], "code": "a"}'
FOREIGN: dict[str, tuple[str, str, bytes]] = {
    "gateway": ("tuntas.saga.events.v1", "tuntas.saga.reopened.v1", b'{"code": "a", "closing": 9}'),
    "planner": ("tuntas.planner.commands.v1", "tuntas.plan.amend.v1", AMEND),
    "trust": ("tuntas.trust.commands.v1", CANCEL, b'{"by": "brio"}'),
    "executor": ("tuntas.executor.commands.v1", "tuntas.execution.halt.v1", b'{"epoch": 1}'),
    "saga": ("tuntas.saga.commands.v1", "tuntas.saga.cancel.v1", b'{"by": "brio", "cause": "person"}'),
    "connectors-travel": ("tuntas.travel.commands.v1", "tuntas.step.undo.v1", UNDO),
    "connectors-payment": ("tuntas.payment.commands.v1", "tuntas.step.undo.v1", UNDO),
}
"""For each service that can stop or undo a task: how another tenant would try to."""

Headers = dict[str, str | bytes | None]


def fresh() -> str:
    return f"e2e-{uuid4().hex[:12]}"


def envelope(wire_type: str, tenant: str = "acme") -> Headers:
    return {
        "ce_specversion": "1.0",
        "ce_id": str(uuid4()),
        "ce_type": wire_type,
        "ce_source": "poison",
        "ce_time": utc(datetime.now(UTC)),
        "ce_tenant": tenant,
        "ce_causationid": str(uuid4()),
    }


def poison() -> list[tuple[str, bytes | None, Headers]]:
    """Return the code that each record must be set aside with, its value and its headers."""
    return [
        ("bad_body", b'{"by": ', envelope(CANCEL)),
        ("bad_body", None, envelope(CANCEL)),
        ("bad_body", b"[]", envelope(CANCEL)),
        ("bad_envelope", b"{}", {}),
        ("bad_envelope", b"{}", envelope(CANCEL) | {"ce_id": b"\xff\xfe\x00", "\u00e9": b"\x80"}),
        ("bad_envelope", b"{}", envelope(CANCEL) | {"ce_time": None}),
        ("unknown_type", b"{}", envelope("tuntas.wish.granted.v1")),
        ("too_large", b'{"by": "' + b"x" * 2_000_000 + b'"}', envelope(CANCEL)),
    ]


def readers() -> set[tuple[str, str]]:
    """Return which service reads which inner topic."""
    platform = PlatformSettings(vault_key=SecretStr(""), approval_keys={})
    return {(topic.name, name) for name in PACKAGES for topic in declared(name).reads(platform) if topic.name in INNER}


async def set_aside(house: "House") -> list[dict[str, Any]]:
    return [dict(letter.facts) for letter in await redriving.letters(KafkaSettings(bootstrap=house.profile.bootstrap))]


async def poisoned(house: "House", topics: tuple[str, ...], key: UUID) -> None:
    for topic in topics:
        for _, value, headers in poison():
            await house.produce(topic, value, headers, str(key).encode())


@pytest.mark.timeout(120)
async def test_poison_in_every_inner_topic_is_set_aside_and_good_tasks_flow(house: "House") -> None:
    paused = fresh()
    await house.play(paused).fault("payment.capture", "slow", seconds=4)
    running = await house.submit(paused)
    await running.until("progressed", step="flight.confirm", state="done")
    first = [await house.submit(fresh()) for _ in range(3)]

    await poisoned(house, (*INNER, *STATE), running.task)  # in the very partition of a task that is under way
    for topic, wire_type, body in FOREIGN.values():
        await house.produce(topic, body, envelope(wire_type, "brio"), str(running.task).encode())
    second = [await house.submit(fresh()) for _ in range(3)]

    for play in (running, *first, *second):
        await play.until("completed")
    wanted = {(topic, service, code) for topic, service in readers() for code, _, _ in poison()}
    letters = await _all_of(house, wanted | {(topic, service, "foreign_tenant") for service, (topic, _, _) in FOREIGN.items()})
    assert all(letter["partition"].isdigit() and letter["offset"].isdigit() for letter in letters)


async def _all_of(house: "House", wanted: set[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """Wait until all that is wanted is set aside."""
    deadline = asyncio.get_running_loop().time() + 30
    while True:
        letters = await set_aside(house)
        missing = wanted - {(letter["topic"], letter["service"], letter["code"]) for letter in letters}
        if not missing:
            return letters
        assert asyncio.get_running_loop().time() < deadline, sorted(missing)


async def test_what_was_set_aside_is_listed_by_the_command(house: "House") -> None:
    await house.produce("tuntas.trust.commands.v1", b"not JSON", envelope(CANCEL) | {"ce_source": "listed"}, str(uuid4()).encode())
    await _all_of(house, {("tuntas.trust.commands.v1", "trust", "bad_body")})
    done = await house.run("tuntas dead-letters --json")
    listed = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, "")
    assert any((found["service"], found["code"], found["ce_type"]) == ("trust", "bad_body", CANCEL) for found in listed)
