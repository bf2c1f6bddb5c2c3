"""From a request to a call: which routes may answer it, within which limits, and what fits."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from tuntas.contracts.base import Document
from tuntas.engines.answering import Answering, Asked, Backends
from tuntas.engines.catalogue import EMBEDDED, Policy
from tuntas.engines.embedded import SCENARIOS
from tuntas.engines.embedded.counting import count_said
from tuntas.engines.faults import EngineFault, Kind
from tuntas.engines.models import ChatRequest
from tuntas.engines.orders import Order, Said
from tuntas.engines.refusals import Refused
from tuntas.engines.routing import Route
from tuntas.engines.upstream import object_of
from tuntas.kit.errors import Rejected

SCENARIO = "scenario/"
DIRECT = "direct"
"""The scenario of a call that names a model itself: one route, no fallback, words as they come."""

DIRECT_SECONDS = 120.0
DIRECT_FIRST_WORD_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class For:
    """For whom a call is made."""

    tenant: str
    task: UUID | None = None
    traceparent: str = ""


@dataclass
class Desk:
    """Takes calls. `routes` are the conditions of all routes of this process; `keyed` are the providers that there is a key for."""

    backends: Backends
    policies: Mapping[str, Policy]
    keyed: frozenset[str]
    closes: tuple[Callable[[], Awaitable[None]], ...] = ()
    routes: dict[str, Route] = field(default_factory=dict)

    async def close(self) -> None:
        """Let go of the providers' connections."""
        for close in self.closes:
            await close()

    def models(self) -> list[str]:
        """Return what can be asked now: models with a key and a price, and scenarios."""
        catalogue = self.backends.catalogue
        routes = [f"{EMBEDDED}/{name}" for name in SCENARIOS]
        routes += [f"{name}/{model}" for name, provider in catalogue.providers.items() for model in provider.models]
        return [*filter(self._usable, routes), *(SCENARIO + name for name in self.policies)]

    def call(self, request: ChatRequest, whom: For) -> tuple[Asked, Answering]:
        """Return the call that a request asks for.

        Raises:
            Rejected: `unknown_model`, `invalid_request`, `context_too_long`, `no_compliant_route`.
        """
        name = request.model.removeprefix(SCENARIO)
        asked, routes = self._scenario(name, request, whom) if request.model.startswith(SCENARIO) else self._direct(request, whom)
        return asked, Answering(self.backends, asked, self._fitting(routes, asked.order))

    def _scenario(self, name: str, request: ChatRequest, whom: For) -> tuple[Asked, tuple[str, ...]]:
        policy = self.policies.get(name)
        if policy is None:
            raise Rejected("unknown_model", f"no scenario {name[:64]}")
        document = _document(request, policy)
        said = (Said("system", policy.system), Said("user", json.dumps(document, ensure_ascii=False)))
        order = Order(said, {"max_tokens": policy.max_tokens, "response_format": {"type": "json_object"}}, document)
        asked = Asked(
            call=uuid4(),
            tenant=whom.tenant,
            scenario=name,
            order=order,
            hops=policy.hops,
            ends_at=asyncio.get_running_loop().time() + policy.deadline_ms / 1000,
            first_word_seconds=policy.first_word_ms / 1000,
            task=whom.task,
            traceparent=whom.traceparent,
            reference=policy.reference,
            check=partial(_fits, policy),
        )
        return asked, policy.routes

    def _direct(self, request: ChatRequest, whom: For) -> tuple[Asked, tuple[str, ...]]:
        if request.model not in self.models():
            raise Rejected("unknown_model", f"{request.model[:100]}: GET /v1/models lists what can be asked")
        said = tuple(Said("system" if each.role == "developer" else each.role, each.text) for each in request.messages)
        document = _embedded_question(request, self.policies) if request.model.startswith(f"{EMBEDDED}/") else None
        asked = Asked(
            call=uuid4(),
            tenant=whom.tenant,
            scenario=DIRECT,
            order=Order(said, request.options(), document),
            hops=0,
            ends_at=asyncio.get_running_loop().time() + DIRECT_SECONDS,
            first_word_seconds=DIRECT_FIRST_WORD_SECONDS,
            task=whom.task,
            traceparent=whom.traceparent,
        )
        return asked, (request.model,)

    def _usable(self, route: str) -> bool:
        """Say whether a route may be taken: the engine inside always, any other with a key and a price that holds now."""
        provider, _, name = route.partition("/")
        if provider == EMBEDDED:
            return name in SCENARIOS
        return provider in self.keyed and self.backends.catalogue.price(route, datetime.now(UTC)) is not None

    def _fitting(self, routes: tuple[str, ...], order: Order) -> list[Route]:
        usable = [route for route in routes if self._usable(route)]
        if not usable:
            raise Rejected("no_compliant_route", "no route has a key and a price")
        size = count_said(order.said)
        fitting = [route for route in usable if (model := self.backends.catalogue.model(route)) is None or size <= model.window]
        if not fitting:
            raise Refused("context_too_long", f"about {size} tokens")
        return [self.routes.setdefault(route, Route(route)) for route in fitting]


def words(answering: Answering, asked: Asked) -> AsyncGenerator[str, None]:
    """Return a call's words as they come; those of an artefact only once all of it fits. Raises Refused."""
    return answering.stream() if asked.check is None else _held(answering)


async def _held(answering: Answering) -> AsyncGenerator[str, None]:
    yield (await answering.answer()).text


def _document(request: ChatRequest, policy: Policy) -> Document:
    if request.options():
        raise Rejected("invalid_request", f"{next(iter(request.options()))}: a scenario decides this itself")
    document = _only_document(request)
    if faults := policy.input_faults(document):
        raise Rejected("invalid_request", "; ".join(faults))
    return document


def _embedded_question(request: ChatRequest, policies: Mapping[str, Policy]) -> Document:
    document = _only_document(request)
    policy = policies.get(request.model.partition("/")[2])
    if policy is not None and (faults := policy.input_faults(document)):
        raise Rejected("invalid_request", "; ".join(faults))
    return document


def _only_document(request: ChatRequest) -> Document:
    if len(request.messages) != 1 or request.messages[0].role != "user":
        raise Rejected("invalid_request", "one user message is needed, a JSON document")
    found: Any = object_of(request.messages[0].text)
    if found is None or not _encodable(found):
        raise Rejected("invalid_request", "the user message is no JSON object in UTF-8")
    document: Document = found
    return document


def _encodable(found: Any) -> bool:
    """Say whether a JSON value can be sent on: one with half a character can't."""
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _fits(policy: Policy, text: str) -> None:
    found = object_of(text)
    if found is None:
        raise EngineFault(Kind.BAD_OUTPUT, "no JSON object")
    if faults := policy.output_faults(found):
        raise EngineFault(Kind.BAD_OUTPUT, "; ".join(faults))
