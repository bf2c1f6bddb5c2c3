"""Dead letters: a record that can never be handled is set aside with its error, origin and trace, and can be redriven."""

from tuntas.contracts.ids import derive
from tuntas.contracts.topics import DEAD_LETTERS
from tuntas.kit.errors import InvalidMessage
from tuntas.kit.messaging.wire import MAX_BODY_BYTES, Raw, Record, text_headers

_PREFIX = "dlq_"


def dead_letter(record: Raw, service: str, error: InvalidMessage) -> Record:
    """Return the dead letter of a record: its key, value and headers, and `dlq_*` headers that say what was wrong and where it came from.

    A value over the limit is cut (`dlq_truncated` has its length; origin topic, partition and offset still point at it); a null value
    is marked, because an empty body would hide it.
    """
    value = record.value or b""
    headers = text_headers(record) | {
        "dlq_service": service,
        "dlq_code": error.code,
        "dlq_reason": error.reason[:400],
        "dlq_topic": record.topic,
        "dlq_partition": str(record.partition),
        "dlq_offset": str(record.offset),
    }
    if record.value is None:
        headers["dlq_tombstone"] = "1"
    if len(value) > MAX_BODY_BYTES:
        headers["dlq_truncated"] = str(len(value))
        value = value[:1000]
    identity = derive("dead-letter", service, record.topic, record.partition, record.offset)
    return Record(identity, DEAD_LETTERS.name, record.key or b"", headers, value, None)


def redriven(record: Raw) -> tuple[str, Record] | None:
    """Return the origin topic and the record to send there again; None for a record whose value was cut."""
    headers = text_headers(record)
    if "dlq_truncated" in headers or "dlq_topic" not in headers:
        return None
    clean = {name: value for name, value in headers.items() if not name.startswith(_PREFIX)}
    identity = derive("redrive", record.topic, record.partition, record.offset)
    return headers["dlq_topic"], Record(identity, headers["dlq_topic"], record.key or b"", clean, record.value or b"", None)
