"""A service on a broker that asks for TLS, a password and permissions: it works with them, and says at once what it lacks."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer
from tests.integration.secured.conftest import READ, WRITE, Secured
from tests.integration.secured.echo import ASKS, ECHO, TALES, Asked

from tuntas.contracts.envelope import Envelope
from tuntas.contracts.topics import DEAD_LETTERS
from tuntas.kit.app import Running
from tuntas.kit.errors import ConfigurationError, Transient
from tuntas.kit.messaging.client import send
from tuntas.kit.persistence.tables import RUNTIME, bootstrap, state_table

ROOT = Path(__file__).resolve().parents[3]
PREFIX = "eu."


@pytest.fixture(scope="module")
async def database(secured: Secured) -> str:
    """Return the URL of a database that the toy service can start on."""
    admin = await asyncpg.connect(secured.postgres.dsn)
    for statement in bootstrap({"echo": "echo", "trust": "trust"}, "ops"):
        await admin.execute(statement)
    await admin.execute("create schema if not exists echo authorization echo")
    await admin.close()
    dsn = secured.postgres.dsn.replace(secured.postgres.dsn.split("//")[1].split("@")[0], "echo:echo")
    owner = await asyncpg.connect(dsn)
    for statement in (*state_table("echoes"), *RUNTIME):
        await owner.execute(statement)
    await owner.close()
    return dsn


@pytest.fixture(scope="module")
def allowed(secured: Secured) -> None:
    """Create the topics as an administrator, and allow the service what it needs and no more."""
    secured.create(*(PREFIX + topic.name for topic in (ASKS, TALES, DEAD_LETTERS)))
    secured.allow("echo", [PREFIX + ASKS.name], READ)
    secured.allow("echo", [PREFIX + TALES.name, PREFIX + DEAD_LETTERS.name], WRITE)
    secured.allow_group("echo", f"{PREFIX}tuntas.echo")


@pytest.fixture
def environment(secured: Secured, database: str) -> Iterator[pytest.MonkeyPatch]:
    """Set what the service is started with; a test may spoil it."""
    with pytest.MonkeyPatch.context() as patch:
        own = {"TUNTAS_VAULT_KEY": "00" * 32, "TUNTAS_APPROVAL_KEYS": "{}", "TUNTAS_ECHO_DATABASE_URL": database}
        for name, value in (secured.environment("echo", PREFIX) | own).items():
            patch.setenv(name, value)
        yield patch


async def refusal() -> ConfigurationError:
    """Start the service, which must refuse within 5 s."""
    running = Running(ECHO, lambda error: pytest.fail(repr(error)))
    begun = monotonic()
    with pytest.raises(ConfigurationError) as refused:
        await running.start()
    await running.pool.close()
    assert monotonic() - begun < 5
    return refused.value


@pytest.mark.usefixtures("allowed", "environment")
async def test_a_service_consumes_and_produces_through_tls_a_login_and_a_prefix(secured: Secured) -> None:
    running = Running(ECHO, lambda error: pytest.fail(repr(error)))
    await running.start()
    task = uuid4()
    envelope = Envelope(id=uuid4(), type=Asked.wire_type, source="t", time=datetime.now(UTC), tenant="acme", task_id=task, cause=uuid4())
    admin = secured.settings("admin", PREFIX)
    await send(admin, ASKS.name, str(task).encode(), Asked(word="hello").model_dump_json().encode(), envelope.headers())
    consumer = AIOKafkaConsumer(
        PREFIX + TALES.name, bootstrap_servers=admin.bootstrap, auto_offset_reset="earliest", **admin.client_security()
    )
    await consumer.start()
    async with asyncio.timeout(20):
        told = await consumer.getone()
    await consumer.stop()
    await running.stop()
    assert (told.key.decode(), json.loads(told.value)) == (str(task), {"word": "hello"})


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("name", "value", "code", "told"),
    [
        ("PASSWORD", "guessed", "kafka_login", "the broker refuses this username and password"),
        ("USERNAME", "nobody", "kafka_login", "the broker refuses this username and password"),
        ("MECHANISM", "plain", "kafka_login", "the broker does not know this mechanism (TUNTAS_KAFKA_MECHANISM)"),
    ],
)
async def test_a_refused_login_keeps_a_service_from_starting(
    environment: pytest.MonkeyPatch, name: str, value: str, code: str, told: str
) -> None:
    environment.setenv(f"TUNTAS_KAFKA_{name}", value)
    found = await refusal()
    assert (found.code, found.reason.split(": ", 1)[1]) == (code, told)


async def test_a_broker_with_a_foreign_certificate_gets_no_password(secured: Secured, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TUNTAS_KAFKA_CA_FILE", str(secured.stranger.certificate))
    found = await refusal()
    assert (found.code, "certificate is not trusted" in found.reason) == ("kafka_certificate", True)


async def test_a_service_that_may_not_read_says_where_and_does_not_start(secured: Secured, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TUNTAS_TOPIC_PREFIX", "us.")
    secured.create("us." + ASKS.name)
    found = await refusal()
    assert found.code == "kafka_forbidden"
    assert found.reason.splitlines() == [f"us.{ASKS.name}: echo may not READ", "group us.tuntas.echo: echo may not READ"]


@pytest.mark.parametrize(
    ("spoilt", "line"),
    [
        ({"PASSWORD": "guessed"}, "kafka_login: "),
        ({"CA_FILE": "stranger"}, "kafka_certificate: "),
        ({"USERNAME": "stranger", "PASSWORD": "stranger-secret"}, f"kafka_forbidden: {PREFIX}{ASKS.name}: stranger may not READ"),
    ],
    ids=["login", "certificate", "permission"],
)
@pytest.mark.usefixtures("allowed")
def test_its_process_ends_with_a_line_and_status_2(
    secured: Secured, environment: pytest.MonkeyPatch, spoilt: dict[str, str], line: str
) -> None:
    for name, value in spoilt.items():
        environment.setenv(f"TUNTAS_KAFKA_{name}", str(secured.stranger.certificate) if name == "CA_FILE" else value)
    command = [sys.executable, "-m", "tests.integration.secured.echo", "serve"]
    spoken: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONFAULTHANDLER": "1"}, **spoken) as process:
        try:
            _, told = process.communicate(timeout=50)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # it says where it stands
            pytest.fail(process.communicate()[1])
    assert process.returncode == 2
    assert "Traceback" not in told
    assert line in told


async def test_a_client_without_tls_is_told_what_the_broker_may_want(secured: Secured, environment: pytest.MonkeyPatch) -> None:
    for name in ("MECHANISM", "USERNAME", "PASSWORD", "TLS", "CA_FILE"):
        environment.delenv(f"TUNTAS_KAFKA_{name}")
    running = Running(ECHO, lambda error: pytest.fail(repr(error)))
    with pytest.raises(Transient, match=r"kafka_unreachable: .* does it want TLS or a login"):
        await running.start()
    await running.pool.close()


@pytest.mark.usefixtures("allowed")
async def test_nothing_is_created_by_using_it(secured: Secured) -> None:
    before = secured.names()
    admin = secured.settings("admin", "nowhere.")
    with pytest.raises(ConfigurationError, match=rf"topic_missing: nowhere\.{ASKS.name}"):
        await send(admin, ASKS.name, None, b"{}", {})
    assert secured.names() == before
