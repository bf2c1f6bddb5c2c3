"""A connector on one screen: its providers, goal types and actions become a service with the kit's effects core around them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from tuntas.contracts.base import Document
from tuntas.contracts.connectors import ProviderNotified, QuoteRequested
from tuntas.contracts.ids import derive
from tuntas.contracts.personal import Personal
from tuntas.contracts.plan import Offer
from tuntas.contracts.registry import ConnectorRegistered, GoalType
from tuntas.contracts.topics import TRUST_STATE, connector_commands
from tuntas.contracts.trust import Switch
from tuntas.kit.app import Parts, Resources, Service
from tuntas.kit.connector.core import Rules, core
from tuntas.kit.connector.malformed import read
from tuntas.kit.connector.provider import Provider, Request, Specs, Wish
from tuntas.kit.decision import Call, Send
from tuntas.kit.errors import NotSent, Rejected, TuntasError
from tuntas.kit.messaging.fold import Event
from tuntas.kit.messaging.wire import decode
from tuntas.kit.settings import ServiceSettings
from tuntas.kit.signing import open_approval

Providers = Callable[[Resources], Mapping[str, Provider]]
Webhook = Callable[[Resources, HttpRequest, bytes], bool]


@dataclass(frozen=True)
class Connector:
    """What a connector declares. `verify` says whether a webhook's bytes are genuine; `obliging` are actions that need an approval."""

    name: str
    goal_types: Sequence[GoalType]
    providers: Providers
    obliging: frozenset[str]
    settings: type[ServiceSettings]
    verify: Webhook

    def service(self) -> Service:
        """Return the service that runs this connector."""
        return Service(
            name=f"connectors-{self.name}",
            table="effects",
            topics=(connector_commands(self.name),),
            parts=self.parts,
            settings=self.settings,
        )

    def specs(self, providers: Mapping[str, Provider]) -> Specs:
        """Return what the effects core must know."""
        actions = {spec.action: spec for goal in self.goal_types for spec in goal.actions}
        return Specs(connector=self.name, actions=actions, providers={n: p.spec for n, p in providers.items()}, obliging=self.obliging)

    def parts(self, resources: Resources) -> Parts:
        """Make the service's parts."""
        providers = self.providers(resources)
        specs = self.specs(providers)
        switches = Switches()
        desk = Performer(self.name, providers, resources, switches)
        manifest = ConnectorRegistered(connector=self.name, goal_types=tuple(self.goal_types), providers=tuple(specs.providers.values()))
        rules = Rules(specs, lambda approval: open_approval(approval, resources.platform.approval_keys))
        return Parts(
            core=core(rules),
            read=read,
            perform=desk.perform,
            follows={TRUST_STATE: switches.apply},
            routes=[Route(f"/webhooks/{self.name}/{{tenant}}/{{task}}/{{key}}", self._webhook(resources), methods=["POST"])],
            announce=[(derive("connector", self.name), manifest)],
        )

    def _webhook(self, resources: Resources) -> Callable[[HttpRequest], Any]:
        async def take(request: HttpRequest) -> Response:
            body = await request.body()
            if not self.verify(resources, request, body):
                return Response(status_code=401)
            try:
                task, key = UUID(request.path_params["task"]), UUID(request.path_params["key"])
            except ValueError:
                return Response(status_code=404)
            hint = ProviderNotified(key=key, event_id=request.headers.get("x-event-id", "")[:100])
            await resources.publish(task, request.path_params["tenant"], Send(hint, connector_commands(self.name)), "")
            return Response(status_code=202)

        return take


class Switches:
    """The kill switches this replica has seen (protocol P23)."""

    def __init__(self) -> None:
        self.parked: set[str] = set()

    def apply(self, record: Any) -> None:
        """Apply one record of trust's state topic; what can't be read is not a switch."""
        try:
            message = decode(record).message
        except TuntasError:
            return
        if isinstance(message, Switch):
            (self.parked.add if message.parked else self.parked.discard)(message.scope)

    def parks(self, *scopes: str) -> bool:
        """Say whether any of these is parked."""
        return bool(self.parked.intersection(scopes))

    def check(self, *scopes: str) -> None:
        """Refuse to send while any of these is parked.

        Raises:
            NotSent: `parked`.
        """
        if self.parks(*scopes):
            raise NotSent("parked", ", ".join(sorted(self.parked.intersection(scopes))))


class Performer:
    """Makes the calls that the effects core decided on, through the author's providers."""

    def __init__(self, connector: str, providers: Mapping[str, Provider], resources: Resources, switches: Switches) -> None:
        self._connector, self._providers, self._switches = connector, providers, switches
        self._vault, self._tracing, self._settings = resources.vault, resources.tracing, resources.settings

    async def perform(self, call: Call, event: Event) -> Document:
        """Make one call inside a client span; names are opened for this call only."""
        self._switches.check(call.party, self._connector, f"{self._connector}/{call.party}", f"tenant/{event.tenant}")
        if call.kind == "quote":
            return await self._quote(call, event)
        provider = self._providers[call.party]
        callback = f"{self._settings.callback_base}/webhooks/{self._connector}/{event.tenant}/{event.task_id}/{call.body['key']}"
        with self._tracing.span(
            f"{call.kind} {call.body['action']}", event.traceparent, party=call.party, step=str(call.body["action"])
        ) as parent:
            request = Request.model_validate(
                call.body
                | {
                    "travellers": await self._open(event.tenant, call.body.get("travellers")),
                    "callback_url": callback,
                    "traceparent": parent,
                }
            )
            answer = await _METHODS[call.kind](provider, request)
        return {"found": False} if answer is None else answer.model_dump(mode="json", exclude_defaults=True) | {"found": True}

    async def _quote(self, call: Call, event: Event) -> Document:
        asked = QuoteRequested.model_validate(call.body)
        names = await self._open(event.tenant, list(asked.travellers))
        with self._tracing.span(f"quote {asked.goal.type}", event.traceparent, party=self._connector) as parent:
            wish = Wish(
                task_id=event.task_id,
                goal=asked.goal,
                travellers=tuple(names),
                instrument=asked.instrument,
                lang=asked.lang,
                traceparent=parent,
            )
            found = await asyncio.gather(*(p.quote(wish) for p in self._providers.values()), return_exceptions=True)
        return self._answered(found)

    def _answered(self, found: list[list[Offer] | BaseException]) -> Document:
        """Some offer is enough; without any, a refusal is the answer, and any other failure is the call's."""
        offers = [offer for each in found if not isinstance(each, BaseException) for offer in each]
        usable = [offer for offer in offers if not self._switches.parks(offer.provider, f"{self._connector}/{offer.provider}")]
        code = None if usable else self._why_none([each for each in found if isinstance(each, BaseException)], "parked" if offers else None)
        return {"offers": [offer.model_dump(mode="json") for offer in usable], "code": code}

    @staticmethod
    def _why_none(failures: list[BaseException], otherwise: str | None) -> str | None:
        refusals = [failure.code for failure in failures if isinstance(failure, Rejected)]
        for failure in failures:
            if not isinstance(failure, Rejected):
                raise failure
        return refusals[0] if refusals else otherwise

    async def _open(self, tenant: str, sealed: Any) -> list[str]:
        return [await self._vault.open(tenant, Personal(value)) for value in sealed or []]


_METHODS: dict[str, Callable[[Provider, Request], Any]] = {
    "act": lambda provider, request: provider.act(request),
    "inquire": lambda provider, request: provider.inquire(request),
    "undo_quote": lambda provider, request: provider.undo_quote(request),
    "undo": lambda provider, request: provider.undo(request),
}
