"""Operators' repairs in a real database: sent at their rate, approved by two, stopped, and every step of it in the audit log."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from pydantic import SecretStr

from tuntas.contracts.saga import SagaRepaired
from tuntas.contracts.topics import SAGA_COMMANDS
from tuntas.gateway.journal import Journal
from tuntas.gateway.repairing import Target
from tuntas.gateway.repairs import Order, Repairs
from tuntas.gateway.sending import Sender
from tuntas.kit.audit import Act, Entry, Signed, held
from tuntas.kit.errors import Rejected
from tuntas.kit.signing import public_hex
from tuntas.local.stack import Backends

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import Gateway

KEYS = {"a1": public_hex("11" * 32)}
FIRST, SECOND, ALIAS = ({"X-Api-Key": f"{name}-key"} for name in ("operators", "second", "alias"))
VIEWS = {"planner": "ops_plans", "trust": "ops_consents", "executor": "ops_executions", "saga": "ops_sagas"}


@pytest.fixture(scope="module", autouse=True)
async def views(gateway: "Gateway", backends: Backends) -> AsyncIterator[asyncpg.Connection]:
    """What the other services would show operators, as tables."""
    admin = await asyncpg.connect(backends.dsn)
    for schema, view in VIEWS.items():
        await admin.execute(f"create schema if not exists {schema}")
        await admin.execute(f"create table {schema}.{view} (task_id uuid, doc jsonb, updated_at timestamptz default now())")
        await admin.execute(f"create table {schema}.ops_timers (task_id uuid, due_at timestamptz)")
    yield admin
    for schema, view in VIEWS.items():
        await admin.execute(f"drop table {schema}.{view}, {schema}.ops_timers")
    await admin.close()


@pytest.fixture
async def pool() -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(os.environ["TUNTAS_GATEWAY_DATABASE_URL"], min_size=0, max_size=12) as made:
        yield made


@pytest.fixture
def journal(pool: asyncpg.Pool) -> Journal:
    return Journal(pool, "a1", SecretStr("11" * 32))


@pytest.fixture
def repairs(pool: asyncpg.Pool, journal: Journal) -> Repairs:
    return Repairs(pool, journal)


async def resting(gateway: "Gateway", views: asyncpg.Connection, at_risk: int = 60) -> UUID:
    """Let a task be in the gateway, and its saga rest with one effect that waits."""
    task = await gateway.knock(name := uuid4().hex)
    await gateway.public(name, 1)
    key = str(uuid4())
    effect = {"declaration": {"key": key, "step_id": "hotel.confirm", "provider": "bale", "start": 1}, "stage": "waiting", "code": "no"}
    saga = {"status": "needs_attention", "version": 7, "aim": "compensated", "effects": {key: effect}, "at_risk": {"IDR": at_risk * 10**9}}
    await views.execute("insert into saga.ops_sagas (task_id, doc) values ($1, $2)", task, json.dumps(saga))
    return task


async def ordered(gateway: "Gateway", task: UUID, **body: Any) -> Any:
    wish = {"task": str(task), "action": "retry", "reason": "the hotel is back", "dry_run": False} | body
    answer = await gateway.client.post("/v1/operations/repairs", json=wish, headers=FIRST)
    assert answer.status_code in {200, 202}, answer.text
    return answer.json()


async def shown(gateway: "Gateway", repair: str, ready: Callable[[Any], bool]) -> Any:
    """Look at a repair until it is as wanted; its row tells nobody that it changed."""
    async with asyncio.timeout(20):
        while not ready(found := (await gateway.client.get(f"/v1/operations/repairs/{repair}", headers=FIRST)).json()):
            await asyncio.sleep(0.05)  # a row tells nobody that it changed
    return found


async def told(gateway: "Gateway", task: UUID, count: int) -> list[Any]:
    """Return the repairs that reached the coordinator's topic for a task."""
    found = await gateway.read(SAGA_COMMANDS, count, lambda record: record.key == str(task).encode())
    return [json.loads(record.value) for record in found]


async def entries(journal: Journal) -> list[Entry]:
    """Return the whole audit log, which has to hold."""
    found = await journal.read(0, 10_000)
    assert held(found, KEYS).seq == len(found)
    return [Entry.model_validate_json(each.body) for each in found]


def about(found: list[Entry], *subjects: Any) -> list[tuple[str, str]]:
    return [(e.action, e.by) for e in found if e.subject in {str(s) for s in subjects}]


async def test_a_repair_by_query_says_what_is_at_stake_and_sends_nothing(gateway: "Gateway", views: Any, journal: Journal) -> None:
    task = await resting(gateway, views, 0)
    before = await journal.last()
    body = {"where": {"provider": "bale", "step": "hotel.confirm", "tenant": "acme"}, "action": "skip", "reason": "kept"}
    answer = await gateway.client.post("/v1/operations/repairs", json=body, headers=FIRST)
    plan = answer.json()
    assert (answer.status_code, plan["count"]) == (200, len(plan["tasks"]))
    assert str(task) in {t["task_id"] for t in plan["tasks"]}
    body["where"] = {"provider": "another"}
    assert (await gateway.client.post("/v1/operations/repairs", json=body, headers=FIRST)).json()["count"] == 0
    assert await journal.last() == before


async def test_an_order_leaves_with_the_version_seen_and_its_answer_is_kept_and_signed(
    gateway: "Gateway", views: Any, journal: Journal
) -> None:
    task = await resting(gateway, views, 0)
    repair = (await ordered(gateway, task))["repair"]["id"]
    (message,) = await told(gateway, task, 1)
    assert (message["action"], message["expected"], message["repair_id"]) == ("retry", 7, repair)
    await gateway.say(task, SagaRepaired(repair_id=UUID(repair), action="retry", by="x", applied=True, code="applied", before=7, after=8))
    found = await shown(gateway, repair, lambda r: r["tasks"][0]["applied"] is not None)
    assert (found["tasks"][0]["code"], found["tasks"][0]["before"], found["tasks"][0]["after"]) == ("applied", 7, 8)
    log = await entries(journal)
    assert [action for action, _ in about(log, repair, task)] == ["repair.ordered", "repair.applied"]
    assert [(e.reason, e.before, e.after) for e in log if e.subject == str(task)] == [("the hotel is back", 7, 8)]


async def test_a_repair_that_lost_is_seen_to_have_lost(gateway: "Gateway", views: Any) -> None:
    task = await resting(gateway, views, 0)
    repair = (await ordered(gateway, task))["repair"]["id"]
    answer = SagaRepaired(repair_id=UUID(repair), action="retry", by="x", applied=False, code="moved", before=9, after=9)
    await gateway.say(task, answer)
    found = await shown(gateway, repair, lambda r: r["tasks"][0]["applied"] is not None)
    assert (found["tasks"][0]["applied"], found["tasks"][0]["code"]) == (False, "moved")


async def test_a_repair_above_the_limit_waits_for_another_person(gateway: "Gateway", views: Any, tenants: Any, journal: Journal) -> None:
    task = await resting(gateway, views, 60)
    made = await ordered(gateway, task)
    repair = made["repair"]["id"]
    assert (made["needs_approval"], made["repair"]["state"]) == (True, "waiting")
    path = f"/v1/operations/repairs/{repair}/approve"
    for own in (FIRST, ALIAS):
        refused = await gateway.client.post(path, headers=own)
        assert (refused.status_code, refused.json()["code"]) == (403, "same_operator")
    approved = await gateway.client.post(path, headers=SECOND)
    assert (approved.status_code, approved.json()["state"]) == (200, "running")
    await told(gateway, task, 1)
    again = await gateway.client.post(path, headers=SECOND)
    assert (again.status_code, again.json()["code"]) == (409, "repair_over")
    acts = about(await entries(journal), repair)
    assert [action for action, _ in acts] == ["repair.ordered", "repair.approved"]
    assert len({by for _, by in acts}) == 2


async def test_a_repair_that_was_stopped_sends_nothing_more(gateway: "Gateway", views: Any, repairs: Repairs) -> None:
    task = await resting(gateway, views, 60)
    repair = (await ordered(gateway, task))["repair"]["id"]
    stopped = await gateway.client.post(f"/v1/operations/repairs/{repair}/stop", json={"reason": "the wrong one"}, headers=SECOND)
    assert stopped.json()["state"] == "stopped"
    refused = await gateway.client.post(f"/v1/operations/repairs/{repair}/approve", headers=SECOND)
    assert refused.json()["code"] == "repair_over"
    assert not any(task.sent for task in (await repairs.get(UUID(repair))).tasks)


def order(per_second: float) -> Order:
    return Order(by="sre", action="retry", reason="r", evidence={}, per_second=per_second, money_at_risk={})


def some(count: int) -> list[Target]:
    return [Target(task_id=uuid4(), tenant="acme", expected=3, money_at_risk={}) for _ in range(count)]


class Apart:
    """The tables of repairs in a transaction of a test's own, where the gateway's sender sees nothing of them."""

    def __init__(self, con: Any) -> None:
        self._con = con

    def acquire(self) -> Any:
        return self

    async def __aenter__(self) -> Any:
        return self._con

    async def __aexit__(self, *_: object) -> None:
        return None


@pytest.fixture
async def apart(pool: asyncpg.Pool, journal: Journal) -> AsyncIterator[Repairs]:
    async with pool.acquire() as con:
        outer = con.transaction()
        await outer.start()
        await con.execute("update repairs set state = 'stopped' where state = 'running'")  # what other tests left
        yield Repairs(Apart(con), journal)
        await outer.rollback()


async def test_what_left_before_a_crash_leaves_again_under_the_same_id(apart: Repairs) -> None:
    causes: list[Any] = []

    async def publish(*words: Any) -> None:
        causes.append((words[0], words[4]))
        if len(causes) == 1:
            raise ConnectionError

    await apart.order(order(50), some(1), alone=True)
    sender = Sender(apart, publish)
    with pytest.raises(ConnectionError):
        await sender.step()
    await sender.step()
    assert len(causes) == 2
    assert causes[0] == causes[1]


async def test_tasks_leave_in_order_and_no_faster_than_asked(apart: Repairs) -> None:
    left: list[UUID] = []

    async def publish(task: UUID, *_: Any) -> None:
        left.append(task)

    targets = some(3)
    made = await apart.order(order(0.02), targets, alone=True)
    sender = Sender(apart, publish)
    for _ in range(3):
        await sender.step()
    assert left == [targets[0].task_id]  # in one transaction the clock stands still: the second is due in 50 s
    async with apart.pool.acquire() as con:
        due: datetime = await con.fetchval("select next_at from repairs where id = $1", made.id)
        assert 49 <= (due - made.created_at).total_seconds() <= 50


async def test_a_repair_whose_tasks_all_left_is_said_to_be_sent(apart: Repairs) -> None:
    async def publish(*_: Any) -> None:
        return None

    made = await apart.order(order(50), some(1), alone=True)
    sender = Sender(apart, publish)
    await sender.step()
    async with apart.pool.acquire() as con:
        await con.execute("update repairs set next_at = now() where id = $1", made.id)
    await sender.step()
    assert (await apart.get(made.id)).state == "sent"


async def test_two_senders_never_send_one_task_twice(repairs: Repairs) -> None:
    left: list[UUID] = []

    async def publish(task: UUID, *_: Any) -> None:
        left.append(task)

    made = await repairs.order(order(50), some(6), alone=False)
    await repairs.approve(made.id, "another")
    async with asyncio.timeout(20):
        senders = [Sender(repairs, publish) for _ in range(3)]
        while (await repairs.get(made.id)).state != "sent":
            await asyncio.gather(*(sender.step() for sender in senders))
    assert len(left) == len(set(left))  # the gateway's own sender took the others


async def test_writers_at_the_same_time_make_one_chain(journal: Journal) -> None:
    before = await journal.last()
    acts = [Act(by=f"sre{n}", action="switch.parked", subject=f"race-{n}") for n in range(40)]
    await asyncio.gather(*(journal.note(act) for act in acts))
    found = await entries(journal)
    assert len(found) == before + len(acts)
    assert {e.subject for e in found[-len(acts) :]} == {act.subject for act in acts}


async def test_a_log_is_only_appended_to_and_a_row_that_was_changed_by_force_is_found(
    journal: Journal, pool: asyncpg.Pool, backends: Backends
) -> None:
    for n in range(3):
        await journal.note(Act(by="sre", action="switch.parked", subject=f"tampered-{n}"))
    seq = await journal.last() - 1
    for statement in ("update audit set body = body", "delete from audit", "truncate audit"):
        with pytest.raises(asyncpg.RaiseError, match="only appended"):
            await pool.execute(statement)
    admin = await asyncpg.connect(backends.dsn)
    try:
        async with admin.transaction():
            await admin.execute("set local session_replication_role = replica")
            await admin.execute("update gateway.audit set body = replace(body, 'tampered-1', 'innocent') where seq = $1", seq)
            rows = await admin.fetch("select body, key_id, signature from gateway.audit order by seq")
            with pytest.raises(Rejected, match=f"forged: entry {seq}"):
                held((Signed(**row) for row in rows), KEYS)
            await admin.execute("update gateway.audit set body = replace(body, 'innocent', 'tampered-1') where seq = $1", seq)
    finally:
        await admin.close()
    await entries(journal)


async def test_a_switch_is_in_the_log_before_it_leaves(gateway: "Gateway", journal: Journal) -> None:
    body = {"scope": "travel/garuda", "parked": True, "reason": "wrong prices"}
    assert (await gateway.client.post("/v1/switches", json=body, headers=FIRST)).status_code == 202
    last = (await entries(journal))[-1]
    assert (last.action, last.subject, last.reason) == ("switch.parked", "travel/garuda", "wrong prices")


async def test_the_door_lists_the_log_page_by_page(gateway: "Gateway", journal: Journal) -> None:
    await journal.note(Act(by="sre", action="switch.parked", subject="paged"))
    last = await journal.last()
    page = (await gateway.client.get(f"/v1/operations/audit?after={last - 1}&limit=1", headers=FIRST)).json()
    assert (page["last"], len(page["entries"])) == (last, 1)
    assert json.loads(page["entries"][0]["body"])["subject"] == "paged"
    assert (await gateway.client.get("/v1/operations/audit")).status_code == 403
