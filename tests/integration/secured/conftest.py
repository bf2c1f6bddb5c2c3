"""A real broker that lets nobody in without TLS, a password and a permission, and creates no topic by itself."""

import shutil
import socket
import ssl
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.cimpl import NewPartitions, NewTopic
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tuntas.contracts.topics import PARTITIONS
from tuntas.kit.settings import KafkaSettings
from tuntas.local import kafka
from tuntas.local.postgres import Postgres
from tuntas.local.processes import LocalError, Processes, clean_environment, wait_for
from tuntas.local.stack import JARS

READ, WRITE, DESCRIBE = AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE
USERS = ("admin", "echo", "gateway", "tenant", "stranger", "auditor")
"""Everybody the broker knows. A user's password is `<user>-secret`; `admin` may do everything, the others what a test allows."""


def password(user: str) -> str:
    return f"{user}-secret"


class Authority:
    """A certificate authority of its own, and a server's certificate by it, in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.certificate, self.keystore = folder / "ca.pem", folder / "server.pem"
        self._key, self._name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, folder.name)])
        own = self._certify(self._name, self._key, x509.BasicConstraints(ca=True, path_length=0), "")
        server_key = ec.generate_private_key(ec.SECP256R1())
        server = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
        leaf = self._certify(server, server_key, x509.BasicConstraints(ca=False, path_length=None), "127.0.0.1")
        self.certificate.write_bytes(own)
        pem = server_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.keystore.touch(mode=0o600)
        self.keystore.write_bytes(pem + leaf + own)

    def _certify(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, constraints: x509.BasicConstraints, address: str) -> bytes:
        now = datetime.now(UTC)
        signing = {"key_cert_sign": constraints.ca, "crl_sign": constraints.ca, "digital_signature": True}
        unused = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only")
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(constraints, critical=True)
            .add_extension(x509.KeyUsage(**signing, **dict.fromkeys(unused, False)), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if address:
            made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(address))]), critical=False)
        return made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class SecuredKafka(kafka.Kafka):
    """Kafka with one door, SASL_SSL with SCRAM-SHA-512, and ACLs behind it."""

    def __init__(self, folder: Path, processes: Processes, authority: Authority) -> None:
        super().__init__(folder, processes, JARS)
        self._authority = authority

    def _write_settings(self) -> Path:
        file = super()._write_settings()
        clients, controller = f"127.0.0.1:{self.port}", f"127.0.0.1:{self._controller_port}"
        login = f'org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="{password("admin")}";'
        secured = {
            "listeners": f"SECURED://{clients},CONTROLLER://{controller}",
            "advertised.listeners": f"SECURED://{clients}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,SECURED:SASL_SSL",
            "inter.broker.listener.name": "SECURED",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.secured.scram-sha-512.sasl.jaas.config": login,
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._authority.keystore),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self._authority.certificate),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:admin;User:ANONYMOUS",  # the controller's listener, which only the broker itself uses, asks for no name
            "connection.failed.authentication.delay.ms": "0",
        }
        with file.open("a") as settings:
            settings.writelines(f"{name}={value}\n" for name, value in secured.items())
        return file

    def _format(self, path: str, settings: Path) -> None:
        users = [f"SCRAM-SHA-512=[name={user},password={password(user)}]" for user in USERS]
        added = [part for user in users for part in ("--add-scram", user)]
        tool = ("kafka.tools.StorageTool", "format", "--cluster-id", kafka.cluster_id(uuid.uuid4()), "--config", str(settings))
        command = self._command(path, *tool, *added)
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=clean_environment())
        if done.returncode:
            raise LocalError(f"Kafka's storage can't be formatted\n{done.stdout}{done.stderr}")

    def _answers(self) -> bool:
        context = ssl.create_default_context(cafile=self._authority.certificate)
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection,
            context.wrap_socket(connection, server_hostname="127.0.0.1") as wrapped,
        ):
            wrapped.sendall(kafka._API_VERSIONS)
            return len(wrapped.recv(4)) > 0
        return False


@dataclass
class Secured:
    """The broker at work, its database, and what only its administrator can do."""

    kafka: SecuredKafka
    postgres: Postgres
    authority: Authority
    stranger: Authority
    admin: AdminClient = field(init=False)

    def __post_init__(self) -> None:
        self.admin = AdminClient(
            {
                "bootstrap.servers": self.kafka.bootstrap,
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": "admin",
                "sasl.password": password("admin"),
                "ssl.ca.location": str(self.authority.certificate),
                "log_level": 0,
            }
        )

    def environment(self, user: str, prefix: str) -> dict[str, str]:
        """Return what a process of this user is started with."""
        return {
            "TUNTAS_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "TUNTAS_KAFKA_MECHANISM": "scram-sha-512",
            "TUNTAS_KAFKA_USERNAME": user,
            "TUNTAS_KAFKA_PASSWORD": password(user),
            "TUNTAS_KAFKA_TLS": "true",
            "TUNTAS_KAFKA_CA_FILE": str(self.authority.certificate),
            "TUNTAS_TOPIC_PREFIX": prefix,
        }

    def settings(self, user: str, prefix: str) -> KafkaSettings:
        """Return the same as settings."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment(user, prefix).items():
                patch.setenv(name, value)
            return KafkaSettings()

    def allow(self, user: str, names: list[str], *operations: AclOperation, kind: ResourceType = ResourceType.TOPIC) -> None:
        """Allow a user operations on topics; it holds when this returns."""
        made = [
            AclBinding(kind, name, ResourcePatternType.LITERAL, f"User:{user}", "*", operation, AclPermissionType.ALLOW)
            for name in names
            for operation in operations
        ]
        for done in self.admin.create_acls(made).values():
            done.result(10)
        assert wait_for(lambda: set(made) <= self._allowed(user), 10)  # the controller confirms before the broker has heard of it

    def _allowed(self, user: str) -> set[AclBinding]:
        filters: Any = AclBindingFilter  # takes None for anything, which its own types do not say
        wanted = filters(ResourceType.ANY, None, ResourcePatternType.ANY, f"User:{user}", None, AclOperation.ANY, AclPermissionType.ANY)
        return set(self.admin.describe_acls(wanted).result(10))

    def allow_group(self, user: str, group: str) -> None:
        """Allow a user to read in a consumer group."""
        self.allow(user, [group], READ, kind=ResourceType.GROUP)

    def create(self, *names: str, partitions: int = PARTITIONS) -> None:
        """Create topics as an administrator would who does not know ours."""
        for done in self.admin.create_topics([NewTopic(name, partitions, 1) for name in names]).values():
            done.result(10)
        assert wait_for(lambda: set(names) <= self.names(), 50)

    def widen(self, name: str) -> None:
        """Give a topic as many partitions as it should have."""
        for done in self.admin.create_partitions([NewPartitions(name, PARTITIONS)]).values():
            done.result(10)
        assert wait_for(lambda: len(self.admin.list_topics(timeout=10).topics[name].partitions) == PARTITIONS, 10)

    def names(self) -> set[str]:
        """Return the names of all topics there are."""
        return set(self.admin.list_topics(timeout=10).topics)


@pytest.fixture(scope="session")
def secured() -> Iterator[Secured]:
    """The broker and a database, in a folder that goes with them."""
    folder = Path(tempfile.mkdtemp(prefix="tuntas-secured-"))
    folder.chmod(0o755)
    processes = Processes(folder)
    authority, stranger = Authority(folder / "authority"), Authority(folder / "stranger")
    made, database = SecuredKafka(folder / "kafka", processes, authority), Postgres(folder / "postgres", processes)
    try:
        with ThreadPoolExecutor(max_workers=2) as pool:
            for started in [pool.submit(made.start), pool.submit(database.start)]:
                started.result()
        yield Secured(made, database, authority, stranger)
    finally:
        processes.stop_all()
        shutil.rmtree(folder)
