"""No guess at what was said is confirmed: no plain digest lies anywhere, and an erased person's repeat is no second task."""

import json
import os
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer

from tuntas.contracts.ids import derive, digest, task_id
from tuntas.contracts.topics import INTENTS, SHARED
from tuntas.gateway.admission import person_id
from tuntas.gateway.models import TaskRequest

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import Gateway

SAID = {"asker": {"person": "p-erased", "travellers": ["Siti Rahma"]}, "text": "kamar di Bandung"}
GOALS = {"asker": {"person": "p-erased"}, "goals": [{"goal_id": "a", "type": "t", "parameters": {}}]}


async def tables() -> str:
    """Return all that the gateway's tables hold, as text."""
    con = await asyncpg.connect(os.environ["TUNTAS_GATEWAY_DATABASE_URL"])
    try:
        names = [row["tablename"] for row in await con.fetch("select tablename from pg_tables where schemaname = 'gateway'")]
        return "".join([str(row) for name in names for row in await con.fetch(f"select t::text from {name} t")])
    finally:
        await con.close()


async def topics(gateway: "Gateway") -> str:
    """Return all that lies in all topics but the door's, where callers themselves write."""
    names = [gateway.prefix + topic.name for topic in SHARED if topic != INTENTS]
    consumer = AIOKafkaConsumer(*names, bootstrap_servers=gateway.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        found = ""
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += "".join(f"{r.key!r} {r.headers!r} {r.value!r}" for r in records)
        return found
    finally:
        await consumer.stop()


async def post(gateway: "Gateway", name: str, body: Any) -> Any:
    return await gateway.client.post("/v1/tasks", json=body, headers={"Idempotency-Key": name})


async def test_no_plain_digest_of_a_body_is_stored_sent_or_logged(gateway: "Gateway", capfd: pytest.CaptureFixture[str]) -> None:
    body = json.dumps(GOALS).encode()
    task = await gateway.knock("kept", body)
    await gateway.public("kept", 1)
    await gateway.knock("kept", body + b" ")
    await gateway.public("kept", 2)
    posted = await post(gateway, "kept-http", SAID)
    plain = {digest(body): task, digest(body + b" "): task}
    plain[TaskRequest.model_validate(SAID).fingerprint()] = UUID(posted.json()["task_id"])
    logged = capfd.readouterr()
    everywhere = await tables() + await topics(gateway) + logged.out + logged.err
    assert str(task) in everywhere
    assert posted.json()["task_id"] in everywhere
    for each, owner in plain.items():
        assert each not in everywhere
        for name in ("submission", "rejected"):
            assert str(derive(name, owner, each)) not in everywhere


async def test_after_an_erasure_a_repeat_at_either_door_is_no_second_task(gateway: "Gateway") -> None:
    task = await gateway.knock("gone", GOALS)
    await gateway.public("gone", 1)
    first = await post(gateway, "gone-http", SAID)
    assert first.status_code == 202
    assert (await gateway.client.delete("/v1/people/p-erased")).status_code == 204
    for body in (GOALS, SAID):
        await gateway.knock("gone", GOALS | {"asker": body["asker"]})
        again = await post(gateway, "gone-http", body)
        assert (again.status_code, again.json()["task_id"]) == (202, first.json()["task_id"])
    await gateway.knock("gone-after", GOALS | {"asker": {"person": "p-other"}})
    await gateway.public("gone-after", 1)
    assert len(await gateway.public("gone", 1)) == 1
    shown = await gateway.client.get(f"/v1/tasks/{task}")
    assert (task, shown.json()["status"]) == (task_id("acme", "shop", "gone"), "accepted")
    con = await asyncpg.connect(os.environ["TUNTAS_GATEWAY_DATABASE_URL"])
    keys = await con.fetchval("select count(*) from vault.person_keys where person = $1", person_id("acme", "p-erased"))
    await con.close()
    assert keys == 0
