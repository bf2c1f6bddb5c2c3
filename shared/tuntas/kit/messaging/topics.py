"""Topics of a deployment: created before the first start, checked at any time, never created by a client on the way."""

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tuntas.contracts.topics import PARTITIONS, Kind, Topic
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
    """Create the topics that do not exist and return their names."""
    client = await _client(settings)
    try:
        known = set(await client.list_topics())
        wanted = [_new(settings.topic_prefix + t.name, t, replication) for t in topics if settings.topic_prefix + t.name not in known]
        if wanted:
            await client.create_topics(wanted)
        return [t.name for t in wanted]
    finally:
        await client.close()


async def faults(settings: KafkaSettings, topics: tuple[Topic, ...]) -> list[str]:
    """Return what is wrong with a deployment's topics: missing ones, and partition counts that would split one key's owner."""
    client = await _client(settings)
    try:
        known = {t["topic"]: len(t["partitions"]) for t in await client.describe_topics() if not t["error_code"]}
    finally:
        await client.close()
    found = []
    for topic in topics:
        name, want = settings.topic_prefix + topic.name, 1 if topic.compacted else PARTITIONS
        if name not in known:
            found.append(f"{name}: missing")
        elif known[name] != want:
            found.append(f"{name}: {known[name]} partitions, needs {want}")
    return found
