"""Tuntas as a peer: Kafka beside the harness's PostgreSQL, executor, coordinator and the participants' connector in two processes."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import workload
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from tests.bench import serve
from tests.bench.load import PLAN, to_the_end, written
from tests.bench.stage import CORE, IN_TWO, MINE, Stage

from tuntas.contracts.saga import SagaEnded
from tuntas.contracts.topics import SAGA_EVENTS
from tuntas.local.kafka import Kafka
from tuntas.local.processes import Processes
from tuntas.local.stack import JARS

LAYOUTS = {1: ((*CORE, *MINE),), 2: IN_TWO, 3: (("executor",), ("saga",), MINE)}
_GRANT = ", ".join(f"public.{table}" for table in workload.EFFECT_TABLES)


@dataclass
class _Servers:
    """The harness's PostgreSQL and a Kafka of our own, as the stage wants them."""

    dsn: str
    kafka: Kafka
    processes: Processes

    @property
    def bootstrap(self) -> str:
        return self.kafka.bootstrap


class Peer(workload.BasePeer):  # type: ignore[misc]  # the harness has no types
    """Runs a saga by publishing its approved plan, and waits for the coordinator to tell its end."""

    packages = ("aiokafka", "faststream", "msgspec", "pydantic")

    async def start(self) -> None:
        """Start Kafka and the services."""
        count = workload.env_int("TUNTAS_PROCESSES", 2)
        self.settings = {"processes": count, "loop": "uvloop", "acks": "all", "commit": "every 250 ms"}
        self._outcomes: dict[bytes, asyncio.Future[str]] = {}
        await asyncio.to_thread(self._start, count)
        self.producer = AIOKafkaProducer(bootstrap_servers=self.servers.bootstrap, acks="all", linger_ms=1)
        self.consumer = AIOKafkaConsumer(bootstrap_servers=self.servers.bootstrap, fetch_max_wait_ms=20)
        await asyncio.gather(self.producer.start(), self.consumer.start())
        await to_the_end(self.consumer, SAGA_EVENTS.name)
        self._reading = asyncio.create_task(self._read())

    def _start(self, count: int) -> None:
        processes = Processes(Path(self.env.workdir) / "tuntas")
        kafka = Kafka(Path(self.env.workdir) / "kafka", processes, JARS)
        kafka.start()
        self.servers = _Servers(self.env.pg.url(), kafka, processes)
        environment = {serve.CONNECTOR_MODULE: "tests.bench.peers.participants", "PYTHONPATH": os.environ["PYTHONPATH"]}
        servers: Any = self.servers
        stage = Stage(servers, LAYOUTS[count], environment, makes_database=False)
        stage.prepare()
        asyncio.run(self._let_write())
        stage.start()
        for child in processes.running():
            self.env.roles[child.name] = child.pid

    async def _let_write(self) -> None:
        """Let the connector write the participants' tables: one transaction holds an effect and its reply."""
        admin = await asyncpg.connect(self.servers.dsn)
        await admin.execute(f"grant select, insert, update on {_GRANT} to connectors_bench")
        await admin.close()

    async def _read(self) -> None:
        while True:
            for batch in (await self.consumer.getmany(timeout_ms=500)).values():
                for record in batch:
                    waiting = self._outcomes.pop(record.key, None)
                    if waiting and dict(record.headers)["ce_type"] == SagaEnded.wire_type.encode():
                        waiting.set_result(SagaEnded.model_validate_json(record.value).outcome.value)

    async def run_saga(self, no: int) -> str:
        """Publish the approved plan, and return the outcome."""
        record = PLAN.make(PLAN.identity(no), no, workload.is_refused(no, self.env.variant))
        waiting = self._outcomes[record.key] = asyncio.get_running_loop().create_future()
        await written(self.producer, record)
        return await waiting

    async def terminal(self, nos: list[int]) -> int:
        """Count the sagas whose row says that they are over."""
        con = await asyncpg.connect(self.servers.dsn)
        try:
            tasks: list[UUID] = [PLAN.identity(no) for no in nos]
            over = "select count(*) from saga.sagas where task_id = any($1::uuid[]) and status in ('completed', 'compensated')"
            found: int = await con.fetchval(over, tasks)
            return found
        finally:
            await con.close()

    async def stop(self) -> None:
        """End everything."""
        self._reading.cancel()
        await asyncio.gather(self._reading, self.producer.stop(), self.consumer.stop(), return_exceptions=True)
        await asyncio.to_thread(self.servers.processes.stop_all)
