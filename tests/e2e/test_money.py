"""Money sent by words: charged once, in the receipt once, and whom it went to is in no record and no row."""

from collections import Counter
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from tuntas.contracts.topics import CONNECTORS, all_topics
from tuntas.local.services import PACKAGES

if TYPE_CHECKING:
    from tests.e2e.conftest import House

MANDATE = {"goal_types": ["pay.*"]}
PRIVATE = (b"Siti", b"Aminah", b"1234567890")


async def _records(house: "House", task: UUID) -> list[bytes]:
    """Return every record of a task on any topic, with its headers."""
    consumer = AIOKafkaConsumer(bootstrap_servers=house.profile.bootstrap)
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()  # a consumer without a subscription knows no topics
        places = [TopicPartition(t.name, n) for t in all_topics(CONNECTORS) for n in consumer.partitions_for_topic(t.name) or ()]
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends, found = await consumer.end_offsets(places), list[bytes]()
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [b"|".join([r.key or b"", r.value or b"", *(v for _, v in r.headers)]) for r in records]
    finally:
        await consumer.stop()
    return [record for record in found if str(task).encode() in record]


async def _rows(house: "House", task: UUID) -> list[bytes]:
    tables = await house.fetch(
        "select table_schema || '.' || table_name as name, column_name from information_schema.columns"
        " where column_name = 'task_id' and table_schema = any($1)",
        [name.replace("-", "_") for name in PACKAGES],
    )
    found = [await house.fetch(f"select t::text as line from {row['name']} t where t.task_id::text = $1", str(task)) for row in tables]
    return [row["line"].encode() for rows in found for row in rows]


async def test_a_transfer_is_charged_once_and_names_nobody_on_its_way(house: "House") -> None:
    person = f"payer-{uuid4().hex[:8]}"
    await house.mandate(person, {"IDR": 10**12}, **MANDATE)
    words = "kirim 250rb ke rekening BCA 1234567890 atas nama Siti Aminah"
    play = await house.ask(f"e2e-{uuid4().hex[:12]}", words, person=person)
    await play.until("completed")
    receipt = await play.receipt()
    sums: Counter[str] = Counter()
    for posting in receipt["postings"]:
        sums[posting["account"]] += posting["amount_minor"]
    assert dict(sums) == {"merchant:antar-dana": 25_260_000, "person": -25_260_000, "clearing": 0}
    kept = [(e["action"], e["amount"]["amount_minor"]) for e in receipt["effects"] if e["state"] == "kept"]
    assert kept == [
        ("transfer.hold", 25_260_000),
        ("payment.authorize", 25_260_000),
        ("transfer.confirm", 25_260_000),
        ("payment.capture", 25_260_000),
    ]
    records, rows = await _records(house, play.task), await _rows(house, play.task)
    assert min(len(records), len(rows)) > 5
    assert not [line[:200] for line in (*records, *rows) if any(word in line for word in PRIVATE)]


async def test_two_transfers_and_a_request_in_one_task_are_charged_once_together(house: "House") -> None:
    person = f"payer-{uuid4().hex[:8]}"
    await house.mandate(person, {"IDR": 10**12}, **MANDATE)
    play = await house.ask(f"e2e-{uuid4().hex[:12]}", "kirim 100rb ke Budi, 200rb ke Dewi", person=person)
    await play.until("completed")
    effects: list[dict[str, object]] = (await play.receipt())["effects"]  # type: ignore[assignment]
    actions = Counter(str(e["action"]) for e in effects)
    assert actions == {"transfer.hold": 2, "transfer.confirm": 2, "payment.authorize": 1, "payment.capture": 1}


async def test_a_balance_is_told_to_the_person_and_to_nobody_else(house: "House") -> None:
    play = await house.ask(f"e2e-{uuid4().hex[:12]}", "what's my balance")
    answered = await play.until("answered")
    assert "balances" not in str(answered)
    told = await house.stage.call("GET", f"/v1/tasks/{play.task}")
    assert "balances" in str(told)
