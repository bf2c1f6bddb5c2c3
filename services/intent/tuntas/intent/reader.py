"""Reads words: opens what is sealed, for this call only, and lets the parser read it in the light of what was asked."""

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from tuntas.contracts.base import Document
from tuntas.contracts.personal import Personal
from tuntas.intent.artefact import question, reading
from tuntas.intent.goals import Registry
from tuntas.intent.veil import veiled
from tuntas.kit.decision import Call
from tuntas.kit.engines import Engines, Forgone
from tuntas.kit.messaging.fold import Event
from tuntas.kit.privacy import Vault
from tuntas.language import Goal, Reading, read

SCENARIO = "intent.parse"
ENGINES_SECONDS = 4.0
"""How long the engines have for one call's words, so that what is left of its 5 s is enough to read them here."""


class Reader:
    """Performs the calls of kind `read`: the engines read if there are any, and whatever they can't do is read here."""

    def __init__(self, vault: Vault, registry: Registry, engines: Engines | None = None) -> None:
        self._vault, self._registry, self._engines = vault, registry, engines
        read("warm up", now=datetime.now(UTC), tz="UTC")

    async def perform(self, call: Call, event: Event) -> Document:
        """Return `goals` (label and canonical slots, the personal ones sealed), `lang`, `out_of_scope` and how many words stayed unread."""
        body: Any = call.body
        said = [await self._vault.open(event.tenant, Personal(text)) for text in body["said"]]
        now, tz, asked, goals = datetime.fromisoformat(body["at"]), body["tz"], body["asked"], body["goals"]
        until = time.monotonic() + ENGINES_SECONDS
        first = await self._read(said[0], event, until if asked is None else until - ENGINES_SECONDS / 2, now=now, tz=tz, lang=body["lang"])
        found: Any = understood(first)
        if asked is not None:
            answer = await self._read(said[-1], event, until, now=now, tz=tz, lang=first.lang)
            found = answered(found, answer, said[-1], asked=asked, goals=goals)
        person = UUID(Personal(body["said"][0]).person)
        sealed = [await veiled(self._vault, self._registry, event.tenant, person, goal) for goal in found["goals"]]
        return {**found, "goals": sealed}

    async def _read(self, text: str, event: Event, until: float, *, now: datetime, tz: str, lang: str | None) -> Reading:
        if self._engines is not None:
            try:
                found = await self._engines.ask(
                    SCENARIO,
                    question(text, now=now, tz=tz, lang=lang),
                    seconds=max(0.1, until - time.monotonic()),
                    tenant=event.tenant,
                    task=event.task_id,
                    traceparent=event.traceparent,
                )
                return reading(found, text, now=now, tz=tz, lang=lang)
            except Forgone as error:
                self._engines.forgo(SCENARIO, error, event.task_id)
        return read(text, now=now, tz=tz, lang=lang)


def understood(first: Reading) -> Document:
    """Return what the first words ask for."""
    return {
        "goals": [_document(goal) for goal in first.goals],
        "lang": first.lang,
        "out_of_scope": first.out_of_scope,
        "unread": len(first.unread),
    }


def answered(found: Document, answer: Reading, text: str, *, asked: str, goals: list[Document]) -> Document:
    """Return what is wanted after an answer: the value of the slot that was asked for, merged into the goals so far."""
    if any(goal.label == "task.cancel" for goal in answer.goals):
        return found | {"goals": [], "out_of_scope": "cancelled"}
    heard = {name: slot.canonical for goal in answer.goals for name, slot in goal.slots.items()}
    heard = heard or _as_said(asked, text)
    return found | {"goals": [_merged(goal, asked, heard) for goal in goals], "out_of_scope": None, "unread": len(answer.unread)}


def _document(goal: Goal) -> Document:
    return {"label": goal.label, "slots": {name: slot.canonical for name, slot in goal.slots.items()}}


def _merged(goal: Document, asked: str, heard: dict[str, Any]) -> Document:
    """Fill the slot that was asked for with what answers it, under its own name or that of its kind; other empty slots by their names."""
    slots: Any = goal["slots"]
    kin = next((kind for kind in _KINDS if asked in kind), (asked,))
    value = next((heard[name] for name in (asked, *kin) if name in heard), None)
    own = {} if value is None or asked in slots else {asked: value}
    return goal | {"slots": _with_departure({**heard, **slots, **own})}


def _as_said(asked: str, text: str) -> dict[str, Any]:
    """Take an answer that reads like nothing at its word, where any words will do."""
    if asked in _NAMES:
        return {asked: {"name": text.strip()}}
    return {asked: text.strip()} if asked in _WORDS else {}


def _with_departure(slots: dict[str, Any]) -> dict[str, Any]:
    """The day of departure follows from the arrival and the nights."""
    nights, arrival = slots.get("nights"), slots.get("check_in")
    if "check_out" in slots or not isinstance(nights, dict) or not isinstance(arrival, str):
        return slots
    leaves = date.fromisoformat(arrival) + timedelta(days=int(nights.get("count", 1)))
    return slots | {"check_out": leaves.isoformat()}


_NAMES = frozenset({"origin", "destination", "place", "address", "recipient", "item", "restaurant"})
_WORDS = frozenset({"account", "reason"})
"""Slots whose value is a name or the very words; what else is not understood is asked for again."""

_KINDS = (
    ("place", "origin", "destination", "location"),
    ("date", "depart_date", "check_in", "check_out", "return_date", "start_date", "end_date"),
    ("time", "depart_time", "pickup_time"),
    ("passengers", "guests"),
    ("amount", "budget"),
    ("nights",),
    ("rooms",),
)
"""Slots whose bare answers look alike; the first is what the parser calls a bare answer of that kind."""
