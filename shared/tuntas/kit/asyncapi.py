"""The public topics and the engines' meter as an AsyncAPI 3.0 document, made by the framework from a broker that never connects."""

import json
from collections.abc import Sequence
from typing import Any, Union

from faststream.kafka import KafkaBroker
from faststream.specification import AsyncAPI

from tuntas.contracts.base import Message
from tuntas.contracts.engines import EngineUsed
from tuntas.contracts.gateway import IntentSubmitted, TaskEvent, UtteranceSubmitted
from tuntas.contracts.topics import ENGINES_EVENTS, INTENTS, TASKS

_TEXT = {"type": "string", "minLength": 1}
_SUBMISSION = {
    "ce_source": _TEXT | {"maxLength": 200, "description": "The same tenant, source and id is the same task"},
    "ce_id": _TEXT | {"maxLength": 200},
    "ce_tenant": _TEXT | {"maxLength": 64},
    "ce_expirytime": {"type": "string", "format": "date-time", "description": "At most 7 days ahead"},
    "ce_keyid": _TEXT | {"description": "One of the tenant's signing keys"},
    "ce_signature": _TEXT | {"contentEncoding": "base64", "description": "Ed25519 over the lines that the README lists"},
}
_EVENT = {
    "ce_id": {"type": "string", "format": "uuid"},
    "ce_source": {"const": "tuntas/gateway"},
    "ce_time": {"type": "string", "format": "date-time"},
    "ce_tenant": _TEXT,
    "ce_causationid": {"type": "string", "format": "uuid"},
}
_OPTIONAL = {
    "ce_specversion": {"const": "1.0"},
    "traceparent": {"type": "string", "description": "W3C trace context"},
    "content-type": {"const": "application/json"},
}


def document() -> str:
    """Return the document as JSON: what other services publish, what they follow, and the headers of all."""
    broker = KafkaBroker()
    submissions = broker.subscriber(INTENTS.name, title="submissions", description="Any key is taken; refusals come back as task.rejected")
    submissions(_take)
    told = sorted(TaskEvent.__subclasses__(), key=lambda kind: kind.wire_type)
    events: Any = Union[tuple(told)]  # noqa: UP007 - made at run time
    broker.publisher(TASKS.name, title="events", description="Keyed by the task id; seq counts a task's events", schema=events)
    broker.publisher(ENGINES_EVENTS.name, title="usage", description="Keyed by the task; else by the call", schema=EngineUsed)
    made = json.loads(AsyncAPI(broker, title="Tuntas", version="1", schema_version="3.0.0").to_specification().to_json())
    _described(made, "submissions", (IntentSubmitted, UtteranceSubmitted), _OPTIONAL | _SUBMISSION)
    _described(made, "events", told, _OPTIONAL | _EVENT)
    _described(made, "usage", (EngineUsed,), _OPTIONAL | _EVENT | {"ce_source": {"const": "tuntas/engines"}})
    made.pop("servers", None)
    for channel in made["channels"].values():
        channel.pop("servers", None)
    return json.dumps(made, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


async def _take(body: IntentSubmitted | UtteranceSubmitted) -> None:
    """Take a submission."""
    del body


def _described(made: dict[str, Any], channel: str, kinds: Sequence[type[Message]], headers: dict[str, Any]) -> None:
    """Make one message of each type, with its headers, out of the framework's one message with a choice of bodies."""
    name = next(name for name in made["components"]["messages"] if name.startswith(f"{channel}:"))
    choice = made["components"]["messages"].pop(name)["payload"]["$ref"].rsplit("/", 1)[1]
    if ":" in choice:
        made["components"]["schemas"].pop(choice)
    bodies = {kind.wire_type: {"$ref": f"#/components/schemas/{kind.__name__}"} for kind in kinds}
    for wire_type, body in sorted(bodies.items()):
        typed = headers | {"ce_type": {"const": wire_type}}
        described = {"type": "object", "required": sorted(typed.keys() - _OPTIONAL.keys()), "properties": typed}
        made["components"]["messages"][wire_type] = {"name": wire_type, "headers": described, "payload": body}
    made["channels"][channel]["messages"] = {each: {"$ref": f"#/components/messages/{each}"} for each in sorted(bodies)}
    made["operations"][channel]["messages"] = [{"$ref": f"#/channels/{channel}/messages/{each}"} for each in sorted(bodies)]
