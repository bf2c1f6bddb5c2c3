"""What a load cost: commits, records, processor seconds, memory; and what is left over."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from tuntas.contracts.topics import TASKS, all_topics

TICK = os.sysconf("SC_CLK_TCK")
STRAY = """select count(*) from saga.sagas s, connectors_bench.effects e, json_each(e.doc::json -> 'effects') f
    where e.task_id = s.task_id and s.status = 'compensated' and f.value ->> 'state' = 'done' and f.value ->> 'action' <> 'trip.route'"""
"""Effects that stand although their task says that all is undone."""


@dataclass(frozen=True)
class Cost:
    """Totals since the start: commits in PostgreSQL, records in inner topics, processor seconds of the services."""

    commits: int
    records: int
    cpu_seconds: float

    def since(self, before: "Cost") -> "Cost":
        """Return what was added."""
        return Cost(self.commits - before.commits, self.records - before.records, self.cpu_seconds - before.cpu_seconds)


class Gauge:
    """Reads the totals."""

    def __init__(self, con: asyncpg.Connection, consumer: AIOKafkaConsumer, pids: Sequence[int], connectors: tuple[str, ...]) -> None:
        self._con, self._consumer, self._pids = con, consumer, pids
        self._topics = [topic.name for topic in all_topics(connectors) if topic != TASKS and not topic.compacted]

    async def cost(self) -> Cost:
        """Return the totals now."""
        commits = await self._con.fetchval("select xact_commit from pg_stat_database where datname = current_database()")
        await self._consumer._client.force_metadata_update()
        places = [TopicPartition(name, n) for name in self._topics for n in self._consumer.partitions_for_topic(name) or ()]
        ends = await self._consumer.end_offsets(places)
        return Cost(commits, sum(ends.values()), sum(map(_cpu, self._pids)))

    def peak_rss_mb(self) -> float:
        """Return the most memory that the services had, in megabytes, added up."""
        return sum(map(_peak_kb, self._pids)) / 1024

    async def stray(self) -> int:
        """Return how many effects stand that should not."""
        found: int = await self._con.fetchval(STRAY)
        return found


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def _peak_kb(pid: int) -> int:
    line = next(each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1])
