"""What is judged after the strikes: the outside auditor's word, and that nothing is left on the way."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import TopicPartition

from tuntas.contracts.topics import CONNECTORS, all_topics
from tuntas.kit.settings import KafkaSettings, PlatformSettings
from tuntas.local.platform import Platform
from tuntas.local.services import PACKAGES, declared

AUDIT = Path(__file__).resolve().parents[5] / "tests" / "audit.py"
Document = dict[str, Any]


async def audit(platform: Platform, receipts: list[Document]) -> Document:
    """Let the outside auditor compare receipts with what the worlds hold; `exit` is 0 if all is in order."""
    path = platform.folder / "receipts.json"
    path.write_text(json.dumps(receipts))
    command = [str(AUDIT), "--receipts", str(path), *platform.addresses.worlds.values()]
    judge = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    out, _ = await judge.communicate()
    found: Document = json.loads(out)
    return found | {"exit": judge.returncode}


async def leftovers(platform: Platform) -> dict[str, int]:
    """Return what is not through yet, by place: records not read, calls that are out, outputs not published."""
    found = {f"{group}: lag": behind for group, behind in (await lag(platform)).items()}
    admin = await asyncpg.connect(platform.admin_dsn())
    try:
        for name in PACKAGES:
            for table in ("work", "outbox"):
                found[f"{name}: {table}"] = await admin.fetchval(f"select count(*) from {name.replace('-', '_')}.{table}")
    finally:
        await admin.close()
    return {place: count for place, count in found.items() if count}


async def lag(platform: Platform) -> dict[str, int]:
    """Return for each service how many records its group has not committed."""
    admin = AIOKafkaAdminClient(bootstrap_servers=platform.backends.bootstrap)
    reader = AIOKafkaConsumer(bootstrap_servers=platform.backends.bootstrap)
    await asyncio.gather(admin.start(), reader.start())
    try:
        ends = await reader.end_offsets(await _places(reader))
        return {name: await _behind(admin, name, ends) for name in PACKAGES}
    finally:
        await asyncio.gather(admin.close(), reader.stop())


async def _places(reader: AIOKafkaConsumer) -> list[TopicPartition]:
    await reader._client.force_metadata_update()  # noqa: SLF001 - a consumer without a subscription knows no topics
    names = [topic.name for topic in all_topics(CONNECTORS)]
    return [TopicPartition(name, number) for name in names for number in reader.partitions_for_topic(name) or ()]


async def _behind(admin: AIOKafkaAdminClient, service: str, ends: dict[TopicPartition, int]) -> int:
    read = await admin.list_consumer_group_offsets(KafkaSettings().group(service))
    mine = {topic.name for topic in reads(service)}
    return sum(end - (read[place].offset if place in read else 0) for place, end in ends.items() if place.topic in mine)


def reads(service: str) -> tuple[Any, ...]:
    """Return the topics that a service's group reads."""
    platform = PlatformSettings.model_construct(connectors=CONNECTORS)
    return declared(service).reads(platform)


async def until(holds: Callable[[], Any], seconds: float) -> Any:
    """Ask until the answer is empty, at most so long; return the last answer."""
    deadline = asyncio.get_running_loop().time() + seconds
    while (left := await holds()) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.5)  # neither the broker nor the database tells when all is through
    return left
