"""Topics of a deployment: created before the first start, checked at any time, never created by a client on the way."""

from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from tuntas.contracts.topics import PARTITIONS, Kind, Topic
from tuntas.kit.errors import ConfigurationError
from tuntas.kit.messaging.client import Right, forbidden, look, require
from tuntas.kit.settings import KafkaSettings

_WEEK_MS = "604800000"
_MEGABYTES_4 = "4194304"


def _new(name: str, topic: Topic, replication: int) -> NewTopic:
    configs = {"retention.ms": _WEEK_MS}
    if topic.compacted:
        configs = {"cleanup.policy": "compact"}
    if topic.kind is Kind.DEAD_LETTERS:
        configs |= {"max.message.bytes": _MEGABYTES_4}
    if replication > 2:  # noqa: PLR2004
        configs |= {"min.insync.replicas": "2"}
    return NewTopic(name, 1 if topic.compacted else PARTITIONS, replication, topic_configs=configs)


async def _client(settings: KafkaSettings) -> AIOKafkaAdminClient:
    client = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap, **settings.client_security())
    await client.start()
    return client


async def create(settings: KafkaSettings, topics: tuple[Topic, ...], replication: int = 1) -> list[str]:
    """Create the topics that do not exist and return their names.

    Raises:
        ConfigurationError: `topics_refused`, with every topic that the broker does not create; or as `client.reached`.
        Transient: as `client.reached`.
    """
    await require(settings, [])
    client = await _client(settings)
    try:
        known = set(await client.list_topics())
        wanted = [_new(settings.topic_prefix + t.name, t, replication) for t in topics if settings.topic_prefix + t.name not in known]
        answer = await client.create_topics(wanted) if wanted else None
    finally:
        await client.close()
    failed = {name: for_code(code) for name, code, *_ in answer.topic_errors if code} if answer else {}
    if refused := {name: error for name, error in failed.items() if error is not TopicAlreadyExistsError}:
        raise ConfigurationError("topics_refused", "\n".join(f"{name}: {error.__name__}" for name, error in refused.items()))
    return [t.name for t in wanted if t.name not in failed]


async def faults(
    settings: KafkaSettings, topics: tuple[Topic, ...], wanted: Iterable[tuple[Topic, Right]] = (), group: str | None = None
) -> list[str]:
    """Return what is wrong with a deployment: missing topics, partition counts that would split one key's owner, missing permissions.

    Args:
        settings: how Kafka is reached, and as whom.
        topics: what there must be, and what our user must at least be allowed to describe.
        wanted: what it must be allowed besides.
        group: the consumer group that it must be allowed to read in, with the prefix.

    Raises:
        ConfigurationError, Transient: as `client.reached`.
    """
    prefix = settings.topic_prefix
    seen = await look(settings, [prefix + topic.name for topic in topics])
    found = []
    for topic in topics:
        name, want = prefix + topic.name, 1 if topic.compacted else PARTITIONS
        if not seen[name].rights:
            continue
        if not seen[name].partitions:
            found.append(f"{name}: missing")
        elif seen[name].partitions != want:
            found.append(f"{name}: {seen[name].partitions} partitions, needs {want}")
    rights = [(prefix + topic.name, right) for topic, right in wanted]
    named = {name for name, _ in rights}  # READ and WRITE let one describe as well
    rights += [(name, Right.DESCRIBE) for name in seen if name not in named]
    return [*found, *await forbidden(settings, rights, group)]
