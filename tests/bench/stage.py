"""What is measured: Kafka, PostgreSQL, and the services with the bench's connector, in as many processes as a layout says."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from tests.bench.serve import PACKAGES
from tests.bench.trip import PRIVATE

from tuntas.contracts.topics import all_topics
from tuntas.kit.messaging import topics
from tuntas.kit.persistence.migrate import upgrade
from tuntas.kit.persistence.tables import RUNTIME, bootstrap, state_table
from tuntas.kit.settings import KafkaSettings
from tuntas.kit.signing import public_hex
from tuntas.local.clean import forget
from tuntas.local.platform import answers
from tuntas.local.processes import Child, free_port
from tuntas.local.stack import ROOT, Backends

PASSWORD = "bench"  # noqa: S105 - of roles in a database that is deleted after the run
CONNECTORS = ("bench",)
CORE = ("executor", "saga")
MINE = ("connectors-bench",)
IN_TWO: tuple[tuple[str, ...], ...] = (("executor",), ("saga", *MINE))
"""Two processes with about as much to do each."""

Layout = Sequence[Sequence[str]]


@dataclass
class Stage:
    """A running platform for the bench. `children` are the processes of the services, `ports` where they answer HTTP, by process id.

    The database may be there already.
    """

    backends: Backends
    layout: Layout
    extra: dict[str, str] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)
    ports: dict[int, int] = field(default_factory=dict)
    makes_database: bool = True

    @property
    def dsn(self) -> str:
        """Return the administrator's URL of the bench's database."""
        return urlsplit(self.backends.dsn)._replace(path="/bench").geturl()

    def prepare(self) -> None:
        """Make database, schemas and topics."""
        asyncio.run(self._database())
        for name in self._names():
            if package := PACKAGES.get(name):
                upgrade(name, package, self.url(name))
        asyncio.run(topics.create(KafkaSettings(bootstrap=self.backends.bootstrap), all_topics(CONNECTORS)))

    def start(self) -> None:
        """Start the services, and wait until all take records."""
        for number, names in enumerate(self.layout):
            self.children.append(self.start_one(number, names))

    def start_one(self, number: int, names: Sequence[str], *, ready_seconds: float = 60) -> Child:
        """Start one process of these services, and wait until it takes records; its number is no other's."""
        port = free_port()
        command = [sys.executable, "-m", "tests.bench.serve", str(port), *names]
        environment = os.environ | self._environment() | {"TUNTAS_KAFKA_INSTANCE": str(number)}
        child = self.backends.processes.start(f"bench-{number}", command, env=environment)
        child.wait_until(partial(answers, f"http://127.0.0.1:{port}/readyz"), ready_seconds)
        self.ports[child.pid] = port
        return child

    def _names(self) -> list[str]:
        return list(dict.fromkeys(name for names in self.layout for name in names))

    def url(self, name: str) -> str:
        """Return the URL of the database as a service's role sees it."""
        at = urlsplit(self.dsn)
        return f"postgresql://{name.replace('-', '_')}:{PASSWORD}@{at.hostname}:{at.port}/bench"

    def _environment(self) -> dict[str, str]:
        return {
            "TUNTAS_KAFKA_BOOTSTRAP": self.backends.bootstrap,
            "TUNTAS_CONNECTORS": json.dumps(CONNECTORS),
            "TUNTAS_VAULT_KEY": "00" * 32,
            "TUNTAS_APPROVAL_KEYS": json.dumps({"bench": public_hex(PRIVATE)}),
            "TUNTAS_TRUST_APPROVAL_KEY_ID": "bench",
            "TUNTAS_TRUST_APPROVAL_PRIVATE_KEY": PRIVATE,
            "TUNTAS_GATEWAY_AUDIT_KEY_ID": "bench",
            "TUNTAS_GATEWAY_AUDIT_PRIVATE_KEY": PRIVATE,
            "TUNTAS_GATEWAY_OPERATIONS_URL": self.url("tuntas_ops"),
            "PYTHONPATH": os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")]),
            **{f"TUNTAS_{name.replace('-', '_').upper()}_DATABASE_URL": self.url(name) for name in self._names()},
            **self.extra,
        }

    async def _database(self) -> None:
        if self.makes_database:
            admin = await asyncpg.connect(self.backends.dsn)
            await admin.execute("create database bench")
            await admin.close()
        admin = await asyncpg.connect(self.dsn)
        for statement in bootstrap(dict.fromkeys(self._names(), PASSWORD), PASSWORD):
            await admin.execute(statement)
        await admin.close()
        for name in self._names():
            if name not in PACKAGES:
                owner = await asyncpg.connect(self.url(name))
                for statement in (*state_table("effects"), *RUNTIME):
                    await owner.execute(statement)
                await owner.close()


@contextmanager
def stage(layout: Layout, tenants: str = "{}", *, starts: bool = True) -> Iterator[Stage]:
    """Start everything afresh, the gateway with these tenants; stop and forget it at the end. The services may be started later."""
    forget(ROOT / "bench")
    with Backends("bench") as backends:
        file = backends.folder / "tenants.json"
        file.write_text(tenants)
        made = Stage(backends, layout, {"TUNTAS_GATEWAY_TENANTS_FILE": str(file)})
        made.prepare()
        if starts:
            made.start()
        yield made
    forget(ROOT / "bench")
