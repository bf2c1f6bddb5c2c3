"""Kafka for commands and tests: reach a broker, look at topics, send one record. Services use the runtime instead."""

import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

from aiokafka import AIOKafkaProducer
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from tuntas.kit.errors import ConfigurationError, Transient, TuntasError
from tuntas.kit.settings import KafkaSettings

_REACH_MS = 5_000
_NOT_SAID = -(2**31)
_TEXT, _NUMBERS = String("utf-8"), Array(Int32)


class Right(IntEnum):
    """What an ACL can allow; the numbers are the protocol's."""

    READ = 3
    WRITE = 4
    DESCRIBE = 8


@dataclass(frozen=True, slots=True)
class Seen:
    """A topic as our user sees it: its partitions, 0 if it is missing, and what we may do there."""

    partitions: int
    rights: frozenset[Right]


class _Metadata8Response(Response):  # type: ignore[misc]
    API_KEY: ClassVar[int] = 3
    API_VERSION: ClassVar[int] = 8
    _PARTITION = (("error", Int16), ("number", Int32), ("leader", Int32), ("epoch", Int32))
    SCHEMA = Schema(
        ("throttle_ms", Int32),
        ("brokers", Array(("node", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT))),
        ("cluster", _TEXT),
        ("controller", Int32),
        (
            "topics",
            Array(
                ("error", Int16),
                ("name", _TEXT),
                ("internal", Boolean),
                ("partitions", Array(*_PARTITION, ("replicas", _NUMBERS), ("in_sync", _NUMBERS), ("offline", _NUMBERS))),
                ("rights", Int32),
            ),
        ),
        ("cluster_rights", Int32),
    )


class _Metadata8Request(RequestStruct):  # type: ignore[misc]
    API_KEY: ClassVar[int] = 3
    API_VERSION: ClassVar[int] = 8
    RESPONSE_TYPE = _Metadata8Response
    SCHEMA = Schema(("topics", Array(_TEXT)), ("create", Boolean), ("cluster_rights", Boolean), ("rights", Boolean))


class _Metadata(Request[_Metadata8Request]):  # type: ignore[misc]
    """Asks for topics with our rights, which the client library's own request can't."""

    API_KEY: ClassVar[int] = 3

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[_Metadata8Request]) -> _Metadata8Request:
        return request_struct_class(self._names, False, False, True)


@asynccontextmanager
async def reached(settings: KafkaSettings) -> AsyncIterator[Any]:
    """Lend a connection to the first broker that lets us in. The clients themselves hide why one does not.

    Raises:
        ConfigurationError: `kafka_login` or `kafka_certificate`; repeating does not help.
        Transient: `kafka_unreachable`, within 5 s for each broker named.
    """
    connection = await _let_in(settings)
    try:
        yield connection
    except (KafkaError, OSError, TimeoutError) as error:
        raise _why_not(settings.bootstrap, error) from None
    finally:
        connection.close()


async def _let_in(settings: KafkaSettings) -> Any:
    failures = []
    for host, port, _ in collect_hosts(settings.bootstrap):
        try:
            return await create_conn(host, port, request_timeout_ms=_REACH_MS, **settings.client_security())
        except (KafkaError, OSError, TimeoutError) as error:
            failures.append(_why_not(f"{host}:{port}", error))
    raise next((failure for failure in failures if isinstance(failure, ConfigurationError)), failures[0])


def _why_not(place: str, error: Exception) -> TuntasError:
    """Say why a broker can't be used, in words for whoever set it up."""
    match error:
        case SaslAuthenticationFailed():
            return ConfigurationError("kafka_login", f"{place}: the broker refuses this username and password")
        case UnsupportedSaslMechanismError():
            return ConfigurationError("kafka_login", f"{place}: the broker does not know this mechanism (TUNTAS_KAFKA_MECHANISM)")
        case ssl.SSLCertVerificationError():
            why = f"{place}: the broker's certificate is not trusted: {error.verify_message} (TUNTAS_KAFKA_CA_FILE)"
            return ConfigurationError("kafka_certificate", why)
        case KafkaConnectionError() | ConnectionResetError():
            why = f"{place}: the broker closes the connection; does it want TLS or a login (TUNTAS_KAFKA_TLS, TUNTAS_KAFKA_MECHANISM)?"
            return Transient("kafka_unreachable", why)
        case _:
            return Transient("kafka_unreachable", f"{place}: {str(error) or type(error).__name__}")


async def look(settings: KafkaSettings, names: Iterable[str]) -> dict[str, Seen]:
    """Look at topics by their full names, and at our rights there. Nothing is created by asking.

    Raises:
        ConfigurationError, Transient: as `reached`.
    """
    wanted = sorted(set(names))
    async with reached(settings) as connection:
        try:
            answer = await connection.send(_Metadata(wanted))
        except (NotImplementedError, IncompatibleBrokerVersion):  # before Kafka 2.3: it knows our rights and can't tell
            answer = await connection.send(MetadataRequest(wanted, allow_auto_topic_creation=False))
    return {name: _seen(error, len(partitions), *rights) for error, name, _, partitions, *rights in answer.topics}


def _seen(error: int, partitions: int, rights: int = _NOT_SAID) -> Seen:
    if error == TopicAuthorizationFailedError.errno:
        return Seen(0, frozenset())
    return Seen(partitions, frozenset(right for right in Right if rights == _NOT_SAID or rights >> right & 1))


async def _sees_group(settings: KafkaSettings, group: str) -> bool:
    async with reached(settings) as connection:
        found = await connection.send(FindCoordinatorRequest(group, 0))
    return bool(found.error_code != GroupAuthorizationFailedError.errno)


async def forbidden(settings: KafkaSettings, wanted: Iterable[tuple[str, Right]], group: str | None = None) -> list[str]:
    """Say what our user may not do and wants to, one line each. A missing topic is not spoken of: no right is known of it.

    Args:
        settings: how Kafka is reached, and as whom.
        wanted: rights on topics, by full name.
        group: the consumer group to read in, by full name.

    Raises:
        ConfigurationError, Transient: as `reached`.
    """
    pairs = sorted(set(wanted))
    seen = await look(settings, [name for name, _ in pairs])
    found = [f"{name}: {_who(settings)} may not {right.name}" for name, right in pairs if _lacks(seen[name], right)]
    if group and not await _sees_group(settings, group):
        found.append(f"group {group}: {_who(settings)} may not {Right.READ.name}")
    return found


def _lacks(seen: Seen, right: Right) -> bool:
    """A missing topic is visible to who may describe it; one that can't be seen can't be used either."""
    return right not in seen.rights if seen.partitions else not seen.rights


def _who(settings: KafkaSettings) -> str:
    return settings.username or "this client"


async def require(settings: KafkaSettings, wanted: Iterable[tuple[str, Right]], group: str | None = None) -> None:
    """Let our user be allowed all of this.

    Raises:
        ConfigurationError: `kafka_forbidden`, with all that is not allowed; or as `reached`.
        Transient: as `reached`.
    """
    if faults := await forbidden(settings, wanted, group):
        raise ConfigurationError("kafka_forbidden", "\n".join(faults))


async def _usable(settings: KafkaSettings, name: str, right: Right) -> None:
    """Let a topic be there for us: a client that is given a missing one waits for it."""
    await require(settings, [(name, right)])
    if not (await look(settings, [name]))[name].partitions:
        raise ConfigurationError("topic_missing", f"{name}: missing")


async def send(settings: KafkaSettings, topic: str, key: bytes | None, body: bytes, headers: dict[str, str]) -> None:
    """Send one record to a topic of this deployment, named without the prefix, and wait until all replicas have it.

    Raises:
        ConfigurationError: `kafka_forbidden` or `topic_missing`, or as `reached`.
        Transient: as `reached`.
    """
    name = settings.topic_prefix + topic
    await _usable(settings, name, Right.WRITE)
    security = settings.client_security()
    producer = AIOKafkaProducer(bootstrap_servers=settings.bootstrap, acks="all", max_request_size=4_000_000, **security)
    await producer.start()
    try:
        await producer.send_and_wait(name, body, key=key, headers=[(name, value.encode()) for name, value in headers.items()])
    finally:
        await producer.stop()
