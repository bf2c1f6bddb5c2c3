"""All records read a second time: every group goes back to the earliest offset, and nothing may come of it."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import asyncpg
import httpx2
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from tuntas.contracts.topics import TASKS
from tuntas.kit.http import LIMITS
from tuntas.kit.settings import KafkaSettings
from tuntas.local.chaos.judge import leftovers, reads, until
from tuntas.local.platform import Platform
from tuntas.local.services import PACKAGES, declared

BESIDE = {"billing": ("usage", "entries", "postings", "months")}
"""What services keep beside their state rows, as tables."""

GROUP_SECONDS = 60.0
READ_SECONDS = 120.0
Document = dict[str, Any]
Rows = dict[tuple[str, str], str]


async def replay(platform: Platform, say: Callable[[str], None]) -> Document:
    """Stop the services, reset all groups, start again, wait until all is read, and tell what changed."""
    before = await _rows(platform), await _effects(platform), await _events(platform)
    for child in platform.services.values():
        await asyncio.to_thread(child.stop)
    say("services stopped; going back to the first record")
    records = sum(await asyncio.gather(*(_rewind(platform, name) for name in PACKAGES)))
    for name in PACKAGES:
        platform.start_service(name)
    for name in PACKAGES:
        await asyncio.to_thread(platform.await_ready, name)
    left = await until(lambda: leftovers(platform), READ_SECONDS)
    after = await _rows(platform), await _effects(platform), await _events(platform)
    changed = sorted(key for key in before[0].keys() | after[0].keys() if before[0].get(key) != after[0].get(key))
    return {
        "records": records,
        "rows": len(after[0]),
        "digest_before": _digest(before[0]),
        "digest_after": _digest(after[0]),
        "changed_rows": [" ".join(key) for key in changed[:20]],
        "changed_effects": before[1] != after[1],
        "new_events": len(after[2] - before[2]),
        "left": left,
    }


def _digest(rows: Rows) -> str:
    return hashlib.sha256(repr(sorted(rows.items())).encode()).hexdigest()


async def _rows(platform: Platform) -> Rows:
    """Return every service's state rows: service and task to status, version and a digest of the document; and each table beside them."""
    admin = await asyncpg.connect(platform.admin_dsn())
    try:
        found: Rows = {}
        for name in PACKAGES:
            table = f"{name.replace('-', '_')}.{declared(name).table}"
            for row in await admin.fetch(f"select task_id, status, version, md5(doc::text) as doc from {table}"):
                found[name, str(row["task_id"])] = f"{row['status']} {row['version']} {row['doc']}"
            for beside in BESIDE.get(name, ()):
                query = f"select count(*)::text || md5(string_agg(t::text, '' order by t::text)) from {name}.{beside} t"
                found[name, beside] = await admin.fetchval(query)
        return found
    finally:
        await admin.close()


async def _effects(platform: Platform) -> list[Document]:
    async with httpx2.AsyncClient(timeout=30, limits=LIMITS) as client:
        return [(await client.get(f"{world}/effects")).json() for world in platform.addresses.worlds.values()]


async def _events(platform: Platform) -> set[bytes]:
    """Return the ids of all public events."""
    reader = AIOKafkaConsumer(TASKS.name, bootstrap_servers=platform.backends.bootstrap, auto_offset_reset="earliest")
    await reader.start()
    try:
        ends = await reader.end_offsets(list(reader.assignment()))
        seen: set[bytes] = set()
        while any([await reader.position(place) < end for place, end in ends.items()]):
            for batch in (await reader.getmany(timeout_ms=500)).values():
                seen |= {dict(record.headers)["ce_id"] for record in batch}
        return seen
    finally:
        await reader.stop()


async def _rewind(platform: Platform, service: str) -> int:
    """Commit the earliest offsets for a service's group, once its members are forgotten; return how many records it will read."""
    group = AIOKafkaConsumer(
        bootstrap_servers=platform.backends.bootstrap, group_id=KafkaSettings().group(service), enable_auto_commit=False
    )
    await group.start()
    try:
        await group._client.force_metadata_update()  # noqa: SLF001 - a consumer without a subscription knows no topics
        places = [TopicPartition(topic.name, n) for topic in reads(service) for n in group.partitions_for_topic(topic.name) or ()]
        group.assign(places)
        first, ends = await group.beginning_offsets(places), await group.end_offsets(places)
        async with asyncio.timeout(GROUP_SECONDS):
            while not await _committed(group, first):
                await asyncio.sleep(1)  # a member with a name is remembered until its session is over
        return int(sum(ends[place] - first[place] for place in places))
    finally:
        await group.stop()


async def _committed(group: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> bool:
    try:
        await group.commit(offsets)
    except KafkaError:
        return False
    return True
