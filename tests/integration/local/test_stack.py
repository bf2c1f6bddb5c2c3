import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tuntas.local import kafka, postgres
from tuntas.local.clean import clean
from tuntas.local.launch import ended
from tuntas.local.processes import LocalError, clean_environment, take
from tuntas.local.stack import JARS, Backends

CRASH = """
import sys, time
from pathlib import Path
from tuntas.local.stack import Backends
backends = Backends("crash", Path(sys.argv[1]))
backends.start()
print(*(child.pid for child in backends.processes.running()), flush=True)
time.sleep(600)
"""


def gone(pid: int) -> bool:
    """Whether a process that is not our child has ended: a zombie nobody reaps counts."""
    try:
        return ended(pid)
    except FileNotFoundError:
        return True


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of stacks that shares the archives fetched for the checkout."""
    kafka.classpath(JARS)
    folder = tmp_path_factory.mktemp("stacks")
    (folder / "jars").symlink_to(JARS)
    yield folder
    for made in folder.glob("*/postgres"):
        postgres.remove(made)


@pytest.fixture(scope="module")
def backends(root: Path) -> Iterator[Backends]:
    with Backends("one", root) as started:
        yield started


async def make_topic(backends: Backends, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=backends.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 1, 1)])
    finally:
        await admin.close()


async def send(backends: Backends, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=backends.bootstrap, max_request_size=kafka.LARGEST_MESSAGE) as producer:
        await producer.send_and_wait(topic, value)


async def read(backends: Backends, topic: str, count: int) -> list[tuple[bytes, dict[str, bytes]]]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=backends.bootstrap, auto_offset_reset="earliest", max_partition_fetch_bytes=kafka.LARGEST_MESSAGE
    )
    async with consumer, asyncio.timeout(20):
        records = [await consumer.getone() for _ in range(count)]
    return [(record.value, dict(record.headers)) for record in records]


async def test_both_servers_answer(backends: Backends) -> None:
    await make_topic(backends, "hello")
    await send(backends, "hello", b"world")

    assert await read(backends, "hello", 1) == [(b"world", {})]
    connection = await asyncpg.connect(backends.dsn)
    assert await connection.fetchval("select 1") == 1
    await connection.close()


async def test_messages_survive_the_brokers_death_and_the_address_stays(backends: Backends) -> None:
    address = backends.bootstrap
    await make_topic(backends, "kept")
    await send(backends, "kept", b"before")

    backends.kill_kafka()
    backends.restart_kafka()
    await send(backends, "kept", b"after")

    assert [value for value, _ in await read(backends, "kept", 2)] == [b"before", b"after"]
    assert backends.bootstrap == address


async def test_messages_of_nearly_four_mebibytes_pass(backends: Backends) -> None:
    await make_topic(backends, "large")
    large = bytes(kafka.LARGEST_MESSAGE - 1024)
    await send(backends, "large", large)

    assert [len(value) for value, _ in await read(backends, "large", 1)] == [len(large)]


async def test_a_topic_is_never_made_by_using_it(backends: Backends) -> None:
    async with AIOKafkaProducer(bootstrap_servers=backends.bootstrap) as producer:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await producer.send_and_wait("never", b"x")
    admin = AIOKafkaAdminClient(bootstrap_servers=backends.bootstrap)
    await admin.start()
    topics = await admin.list_topics()
    await admin.close()

    assert "never" not in topics


async def test_kafkas_own_console_producer_can_publish_with_headers(backends: Backends) -> None:
    await make_topic(backends, "console")
    options = ["--property", "parse.headers=true", "--property", "parse.key=true"]
    command: list[str | Path] = [kafka.java(), "-cp", kafka.fetch_tools(JARS), kafka.CONSOLE_PRODUCER]
    command += ["--bootstrap-server", backends.bootstrap, "--topic", "console", *options]

    line = b'ce_type:t,ce_id:1\tkey\t{"a":1}\n'
    await asyncio.to_thread(subprocess.run, command, input=line, check=True, capture_output=True, env=clean_environment())

    assert await read(backends, "console", 1) == [(b'{"a":1}', {"ce_type": b"t", "ce_id": b"1"})]


def test_a_stack_in_use_is_refused_in_one_line(backends: Backends, root: Path) -> None:
    with pytest.raises(LocalError, match=r"^the stack `one` is in use by process \d+$"):
        Backends("one", root).start()
    with pytest.raises(LocalError, match="in use"):
        clean(root)


def test_what_a_killed_stack_left_is_cleaned_by_the_next_start(root: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", CRASH, root], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        left = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()

    with Backends("crash", root) as again:
        assert {child.pid for child in again.processes.running()}.isdisjoint(left)
        assert len(again.processes.running()) == 2
        assert all(gone(pid) for pid in left)


def test_a_server_that_can_not_start_leaves_the_other_stopped_and_the_stack_free(root: Path) -> None:
    broken = Backends("broken", root)
    (root / "broken" / "kafka").mkdir()
    (root / "broken" / "kafka" / "data").write_text("in the way")

    with pytest.raises(LocalError, match="Kafka's storage can't be formatted"):
        broken.start()

    assert broken.processes.running() == []
    take(root / "broken").close()


def test_cleaning_deletes_data_and_logs_but_no_archives(tmp_path: Path) -> None:
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "kept.jar").touch()
    gone = Backends("gone", tmp_path)
    gone.postgres.start()
    (tmp_path / "gone" / "lock").touch()
    data = gone.postgres.data
    gone.processes.stop_all()

    clean(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["jars"]
    assert not data.exists()
    assert (tmp_path / "jars" / "kept.jar").exists()


def test_a_cluster_id_is_never_taken_for_an_option() -> None:
    assert not kafka.cluster_id(UUID(int=0xF8 << 120)).startswith("-")
