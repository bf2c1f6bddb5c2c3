"""A topic bound to a tenant by an ACL: whoever may write there is the tenant, and nobody else may."""

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import TopicAuthorizationFailedError
from tests.integration.secured.conftest import READ, WRITE, Secured

from tuntas.cli.access import SERVICES
from tuntas.contracts.ids import task_id
from tuntas.contracts.topics import GATEWAY_EVENTS, INTENTS, SAGA_COMMANDS, SHARED, TASKS
from tuntas.gateway.app import service
from tuntas.kit.errors import ConfigurationError
from tuntas.kit.messaging.client import Right, send
from tuntas.kit.persistence.migrate import upgrade
from tuntas.kit.persistence.tables import bootstrap
from tuntas.kit.process import Process

PREFIX = "bound."
DOOR, EVENTS = "brio.intents", "brio.events"
BODY = json.dumps({"asker": {"person": "p-1"}, "goals": [{"goal_id": "a", "type": "t", "parameters": {}}]}).encode()


def submission(source_id: str, **more: str) -> dict[str, str]:
    return {"ce_type": "tuntas.intent.submitted.v1", "ce_source": "shop", "ce_id": source_id} | more


@pytest.fixture(scope="module")
async def database(secured: Secured) -> str:
    """Return the URL of the gateway's database."""
    admin = await asyncpg.connect(secured.postgres.dsn)
    for statement in bootstrap({"gateway": "gateway", "trust": "trust"}, "ops"):
        await admin.execute(statement)
    await admin.close()
    dsn = secured.postgres.dsn.replace(secured.postgres.dsn.split("//")[1].split("@")[0], "gateway:gateway")
    await asyncio.to_thread(upgrade, "gateway", "tuntas.gateway", dsn)
    return dsn


@pytest.fixture(scope="module")
def allowed(secured: Secured) -> None:
    """Allow the gateway what the table of permissions says and the tenant's topics, and the tenant its own door alone."""
    secured.create(*(PREFIX + topic.name for topic in SHARED), PREFIX + DOOR, PREFIX + EVENTS)
    wanted = [(topic.name, right) for topic, right in SERVICES["gateway"].rights()]
    for right, allowed, own in ((Right.READ, READ, DOOR), (Right.WRITE, WRITE, EVENTS)):
        secured.allow("gateway", [PREFIX + own, *(PREFIX + name for name, each in wanted if each is right)], allowed)
    secured.allow_group("gateway", f"{PREFIX}tuntas.gateway")
    secured.allow("tenant", [PREFIX + DOOR], WRITE)
    secured.allow("tenant", [PREFIX + EVENTS], READ)


@pytest.fixture(scope="module", autouse=True)
async def gateway(
    secured: Secured,
    allowed: None,
    database: str,
    monkeypatch_module: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Process]:
    tenants = tmp_path_factory.mktemp("bound") / "tenants.json"
    tenants.write_text(json.dumps({"brio": {"door_topic": DOOR, "events_topic": EVENTS}, "acme": {}}))
    own = {
        "TUNTAS_VAULT_KEY": "00" * 32,
        "TUNTAS_APPROVAL_KEYS": "{}",
        "TUNTAS_GATEWAY_DATABASE_URL": database,
        "TUNTAS_GATEWAY_OPERATIONS_URL": secured.postgres.dsn,
        "TUNTAS_GATEWAY_AUDIT_KEY_ID": "a1",
        "TUNTAS_GATEWAY_AUDIT_PRIVATE_KEY": "11" * 32,
        "TUNTAS_GATEWAY_TENANTS_FILE": str(tenants),
    }
    for name, value in (secured.environment("gateway", PREFIX) | own).items():
        monkeypatch_module.setenv(name, value)
    process = Process([service], "127.0.0.1", 0)
    await process.start()
    yield process
    await process.stop()


async def told(secured: Secured, source_id: str, user: str = "tenant", topic: str = EVENTS) -> dict[str, str]:
    """Return the first event that a user reads about a submission."""
    own = secured.settings(user, PREFIX)
    consumer = AIOKafkaConsumer(PREFIX + topic, bootstrap_servers=own.bootstrap, auto_offset_reset="earliest", **own.client_security())
    await consumer.start()
    try:
        async with asyncio.timeout(20):
            async for record in consumer:
                event: dict[str, str] = json.loads(record.value)
                if event["source_id"] == source_id:
                    return event
    finally:
        await consumer.stop()
    raise AssertionError(source_id)


async def refused(secured: Secured, user: str, topic: str) -> None:
    """Let a user publish with a plain client of its own: the broker itself must refuse."""
    own = secured.settings(user, PREFIX)
    producer = AIOKafkaProducer(bootstrap_servers=own.bootstrap, **own.client_security())
    await producer.start()
    try:
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.send_and_wait(PREFIX + topic, BODY, headers=[(n, v.encode()) for n, v in submission("forged").items()])
    finally:
        await producer.stop()


@pytest.mark.parametrize("claimed", [{}, {"ce_tenant": "brio"}], ids=["no claim", "its own name"])
async def test_what_the_tenants_user_publishes_unsigned_is_the_tenants_task(secured: Secured, claimed: dict[str, str]) -> None:
    source_id = uuid4().hex
    await send(secured.settings("tenant", PREFIX), DOOR, None, BODY, submission(source_id, **claimed))
    event = await told(secured, source_id)
    assert (event["tenant"], UUID(event["task_id"]), "code" in event) == ("brio", task_id("brio", "shop", source_id), False)


async def test_a_claim_to_be_another_tenant_is_refused_at_the_door(secured: Secured) -> None:
    source_id = uuid4().hex
    await send(secured.settings("tenant", PREFIX), DOOR, None, BODY, submission(source_id, ce_tenant="acme"))
    event = await told(secured, source_id, "admin", TASKS.name)
    assert (event["tenant"], event["code"]) == ("brio", "foreign")


@pytest.mark.parametrize(
    ("user", "topic"),
    [("stranger", DOOR), ("tenant", INTENTS.name), ("tenant", GATEWAY_EVENTS.name), ("tenant", SAGA_COMMANDS.name), ("tenant", EVENTS)],
)
async def test_the_broker_refuses_whoever_was_not_given_the_topic(secured: Secured, user: str, topic: str) -> None:
    await refused(secured, user, topic)


async def test_our_own_client_says_which_right_is_missing(secured: Secured) -> None:
    with pytest.raises(ConfigurationError, match=rf"kafka_forbidden: {PREFIX}{DOOR}: stranger may not WRITE"):
        await send(secured.settings("stranger", PREFIX), DOOR, None, BODY, submission("forged"))
