"""The whole platform on this machine: backends, schemas, topics, sandbox world and services, started in order and stopped in reverse."""

import asyncio
import hashlib
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from tuntas.cli.profile import Profile
from tuntas.connectors.http.manifest import load
from tuntas.contracts.topics import CONNECTORS, all_topics
from tuntas.kit.messaging import topics
from tuntas.kit.persistence.migrate import upgrade
from tuntas.kit.persistence.tables import bootstrap
from tuntas.kit.settings import KafkaSettings
from tuntas.local import proxy
from tuntas.local.clean import forget
from tuntas.local.processes import Child, LocalError, free_port
from tuntas.local.secrets import APPROVAL_KEY, AUDIT_KEY, SIGNING_KEY, TENANT, Secrets, of_stack
from tuntas.local.services import FOREIGN, PACKAGES
from tuntas.local.stack import ROOT, Backends

DATABASE = "tuntas"
WORLDS = ("travel", "payment", "instant", "maps", "shopping")
TRIAL = "shopping"
"""The world of a connector that has none of its own: any will do, as each sells things of all kinds."""
READY_SECONDS = 60.0
Say = Callable[[str], None]


def _quiet(_: str) -> None:
    pass


@dataclass(frozen=True)
class Addresses:
    """Where things listen: URLs of the doors and of the sandbox worlds."""

    gateway: str
    worlds: dict[str, str]
    ports: dict[str, int]


class Platform:
    """One named stack, `.tuntas/<name>/`.

    Args:
        name: the folder.
        separate: one process per service instead of one for all.
        extra: more environment for services, such as failpoints or a trace endpoint.
        say: told in one line what takes long.
        fresh: forget what an earlier run left in PostgreSQL and Kafka.
        stays: processes outlive this one, until `make down`.
        manifests: files or addresses of manifests; each becomes one more connector, with a process of its own.
        members: how many processes a service has, where it is not one.
        proxied: services reach the servers and worlds through a proxy, whose connections can be cut, slowed and silenced.
    """

    def __init__(
        self,
        name: str,
        *,
        separate: bool = False,
        extra: Mapping[str, str] | None = None,
        say: Say = _quiet,
        fresh: bool = False,
        stays: bool = False,
        manifests: Sequence[str] = (),
        members: Mapping[str, int] | None = None,
        proxied: bool = False,
        root: Path = ROOT,
    ) -> None:
        if fresh:
            forget(root / name)
        self.backends = Backends(name, root, say)
        self.folder, self._say, self._separate, self._stays = self.backends.folder, say, separate, stays
        self.backends.processes.outlive = stays
        self._extra = dict(extra or {})
        self._manifests = {f"connectors-{load(source).connector}": source for source in manifests}
        self._packages = PACKAGES | dict.fromkeys(self._manifests, FOREIGN)
        self._connectors = (*CONNECTORS, *(name.removeprefix("connectors-") for name in self._manifests))
        self._members = members or {}
        self._ways = {way: free_port() for way in ("kafka", "postgres", *WORLDS)} if proxied else {}
        self.backends.kafka.advertised = self._ways.get("kafka")
        self.services: dict[str, Child] = {}
        self.worlds: dict[str, Child] = {}

    def start(self) -> None:
        """Start everything and wait until each service takes records. If anything fails, nothing is left running."""
        self.backends.start()
        try:
            self.secrets = of_stack(self.folder, (*self._packages, "tuntas_ops"))
            self.addresses = self._addresses()
            if self._ways:
                self._start_proxy()
            self._say("preparing schemas and topics")
            asyncio.run(self._prepare())
            for world in WORLDS:
                self.start_world(world)
            self._say("starting services")
            for name in self.names():
                self.start_service(name)
            self._await_ready()
        except BaseException:
            self.stop()
            raise

    def names(self) -> list[str]:
        """Return the processes' names: those of services, and `executor@2` for the second member of one."""
        named = [n if number == 1 else f"{n}@{number}" for n in PACKAGES for number in range(1, self._members.get(n, 1) + 1)]
        return [*(named if self._separate else ("all",)), *self._manifests]

    def order(self, way: str, what: proxy.Order, value: float = 0.0) -> int:
        """Tell the proxy what to do with the way to a server or a world; return how many connections it concerns."""
        return proxy.order(self.addresses.ports["proxy"], way, what, value)

    def leave(self) -> None:
        """Let go of the stack and leave its processes running, for `make down` to stop."""
        self.backends.leave()

    def stop(self) -> None:
        """Stop everything, youngest first."""
        self.backends.stop()

    def profile(self) -> Profile:
        """Write the command's profile, readable by its owner only, and return it."""
        made = Profile(
            gateway=self.addresses.gateway,
            api_key=self.secrets.api_key,
            operator_key=self.secrets.operator_key,
            operations_url=self.dsn("tuntas_ops"),
            bootstrap=self.backends.bootstrap,
            tenant=TENANT,
            signing_key_id=SIGNING_KEY,
            signing_key=self.secrets.signing_private,
            audit_keys=json.dumps({AUDIT_KEY: self.secrets.audit_public}),
        )
        path = self.folder / "profile.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(made), indent=2))
        return made

    def plant(self) -> None:
        """Make an effect that nobody asked for: a negative control of the auditor."""
        body = json.dumps({"kind": "hotel"}).encode()
        url = f"{self.addresses.worlds['travel']}/effects/plant"
        request = urllib.request.Request(url, data=body, headers={"content-type": "application/json"}, method="POST")  # noqa: S310
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310 - our own address

    def dsn(self, role: str) -> str:
        """Return the connection URL of a role in the platform's database."""
        at = urlsplit(self.backends.dsn)
        user = role.replace("-", "_")
        return f"postgresql://{user}:{self.secrets.passwords[role]}@{at.hostname}:{self._ways.get('postgres', at.port)}/{DATABASE}"

    def admin_dsn(self, database: str = DATABASE) -> str:
        """Return the administrator's connection URL."""
        return urlsplit(self.backends.dsn)._replace(path=f"/{database}").geturl()

    def _addresses(self) -> Addresses:
        ports = {name: free_port() for name in (*self.names(), *WORLDS, "proxy")}
        worlds = {world: f"http://127.0.0.1:{ports[world]}" for world in WORLDS}
        return Addresses(f"http://127.0.0.1:{ports['gateway' if self._separate else 'all']}", worlds, ports)

    def _start_proxy(self) -> None:
        targets = {"kafka": self.backends.kafka.port, "postgres": self.backends.postgres.port} | self.addresses.ports
        control, routes = self.addresses.ports["proxy"], {way: (port, targets[way]) for way, port in self._ways.items()}
        given = json.dumps({"control": control, "routes": routes})
        child = self.backends.processes.start("proxy", [sys.executable, "-m", "tuntas.local.proxy", given])
        child.wait_until(lambda: proxy.listens(control), READY_SECONDS)

    async def _prepare(self) -> None:
        admin = await asyncpg.connect(self.admin_dsn("postgres"))
        known = {r["datname"] for r in await admin.fetch("select datname from pg_database")}
        for database in {DATABASE, "sandbox"} - known:
            await admin.execute(f"create database {database}")
        await admin.close()
        admin = await asyncpg.connect(self.admin_dsn())
        passwords = {name: self.secrets.passwords[name] for name in self._packages}
        for statement in bootstrap(passwords, self.secrets.passwords["tuntas_ops"]):
            await admin.execute(statement)
        await admin.close()
        await asyncio.gather(
            asyncio.to_thread(self._migrate), topics.create(KafkaSettings(bootstrap=self.backends.bootstrap), all_topics(self._connectors))
        )

    def _migrate(self) -> None:
        for name, package in self._packages.items():
            upgrade(name, package, self.dsn(name))

    def start_world(self, world: str) -> None:
        """Start one sandbox world; a world started again finds what it held."""
        port = str(self.addresses.ports[world])
        command = [sys.executable, "-m", "tuntas.sandbox", "serve", "--world", world, "--port", port, "--dsn", self.admin_dsn("sandbox")]
        env = os.environ | {"TUNTAS_SANDBOX_WEBHOOK_SECRET": self.secrets.webhook}
        self.worlds[world] = self.backends.processes.start(f"sandbox-{world}", command, env=env)
        self._await_port(self.worlds[world], f"{self.addresses.worlds[world]}/healthz")

    def start_service(self, name: str, *, through: str = "", **extra: str) -> None:
        """Start one service, or `all` of them in one process; it is ready when `await_ready` says so.

        Args:
            name: one of `names()`.
            through: the module that serves it, if it does not do so itself; it is given the service's package.
            extra: more environment.
        """
        service, _, member = name.partition("@")
        port = str(self.addresses.ports[name])
        module = ["tuntas.local.services", port] if name == "all" else [*filter(None, [through]), self._packages[service], "serve"]
        own = {"TUNTAS_HTTP_MANIFEST": self._manifests.get(service, ""), "TUNTAS_KAFKA_INSTANCE": member or "1"}
        own |= {f"TUNTAS_{service.replace('-', '_').upper()}_PORT": port} if member else {}
        env = os.environ | self.environment() | own | extra
        self.services[name] = self.backends.processes.start(name, [sys.executable, "-m", *module], env=env)

    def _await_ready(self) -> None:
        for name in self.services:
            self.await_ready(name)

    def await_ready(self, name: str) -> None:
        """Wait until a service takes records."""
        self._await_port(self.services[name], f"http://127.0.0.1:{self.addresses.ports[name]}/readyz")

    def _await_port(self, child: Child, url: str) -> None:
        child.wait_until(lambda: answers(url), READY_SECONDS)

    def environment(self) -> dict[str, str]:
        """Return the environment of the services."""
        s, ports_of = self.secrets, self.addresses.ports
        worlds = {world: f"http://127.0.0.1:{self._ways.get(world, ports_of[world])}" for world in WORLDS}
        own = {f"TUNTAS_{n.replace('-', '_').upper()}_DATABASE_URL": self.dsn(n) for n in self._packages}
        ports = {f"TUNTAS_{n.replace('-', '_').upper()}_PORT": str(p) for n, p in self.addresses.ports.items() if n in self._packages}
        connectors: dict[str, str] = {}
        for c in self._connectors:
            prefix = f"TUNTAS_CONNECTORS_{c.replace('-', '_').upper()}_"
            port = ports_of.get(f"connectors-{c}") or ports_of["all"]
            connectors |= {f"{prefix}CALLBACK_BASE": f"http://127.0.0.1:{port}", f"{prefix}WEBHOOK_SECRET": s.webhook}
            connectors |= {f"{prefix}BASE_URL": worlds.get(c, worlds[TRIAL])} if c in CONNECTORS else {}
        return {
            "TUNTAS_KAFKA_BOOTSTRAP": self.backends.bootstrap,
            "TUNTAS_CONNECTORS": json.dumps(self._connectors),
            "TUNTAS_VAULT_KEY": s.vault_key,
            "TUNTAS_APPROVAL_KEYS": json.dumps({APPROVAL_KEY: s.approval_public}),
            "TUNTAS_TRUST_APPROVAL_KEY_ID": APPROVAL_KEY,
            "TUNTAS_TRUST_APPROVAL_PRIVATE_KEY": s.approval_private,
            "TUNTAS_GATEWAY_OPERATIONS_URL": self.dsn("tuntas_ops"),
            "TUNTAS_GATEWAY_AUDIT_KEY_ID": AUDIT_KEY,
            "TUNTAS_GATEWAY_AUDIT_PRIVATE_KEY": s.audit_private,
            "TUNTAS_GATEWAY_TENANTS_FILE": str(self._tenants(s)),
            "TUNTAS_ENGINES_URL": f"http://127.0.0.1:{ports_of['engines' if self._separate else 'all']}",
            "TUNTAS_ENGINES_KEY": s.engines_key,
            **own,
            **ports,
            **connectors,
            **self._extra,
        }

    def _tenants(self, s: Secrets) -> Path:
        tenants = {
            TENANT: {"api_keys": [hashlib.sha256(s.api_key.encode()).hexdigest()], "signing_keys": {SIGNING_KEY: s.signing_public}},
            "operators": {"api_keys": [hashlib.sha256(s.operator_key.encode()).hexdigest()], "signing_keys": {}},
        }
        path = self.folder / "tenants.json"
        path.write_text(json.dumps(tenants, indent=2))
        return path


def answers(url: str) -> bool:
    """Say whether a local URL answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
            return int(answer.status) < 300  # noqa: PLR2004
    except (OSError, urllib.error.URLError):
        return False


__all__ = ["Addresses", "LocalError", "Platform", "answers"]
