"""A connector on one screen: its providers, goal types and actions become a service with the kit's effects core around them."""

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
from tuntas.contracts.registry import ConnectorRegistered, GoalType
from tuntas.contracts.topics import TRUST_STATE, connector_commands
from tuntas.contracts.trust import Switch
from tuntas.kit.app import Parts, Resources, Service
from tuntas.kit.connector import quoting, rehearsing
from tuntas.kit.connector.core import Rules, core
from tuntas.kit.connector.local import Local
from tuntas.kit.connector.malformed import read
from tuntas.kit.connector.provider import Provider, Request, Specs
from tuntas.kit.decision import Call, Send
from tuntas.kit.errors import NotSent, Rejected, TuntasError
from tuntas.kit.messaging.fold import Event
from tuntas.kit.messaging.wire import decode
from tuntas.kit.sealing import opened
from tuntas.kit.settings import ServiceSettings
from tuntas.kit.signing import open_approval
from tuntas.kit.telemetry.metrics import Metrics

Providers = Callable[[Resources], Mapping[str, Provider | Local]]
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

    def specs(self, providers: Mapping[str, Provider | Local]) -> Specs:
        """Return what the effects core must know."""
        actions = {spec.action: spec for goal in self.goal_types for spec in goal.actions}
        return Specs(connector=self.name, actions=actions, providers={n: p.spec for n, p in providers.items()}, obliging=self.obliging)

    def parts(self, resources: Resources) -> Parts:
        """Make the service's parts."""
        providers = self.providers(resources)
        specs = self.specs(providers)
        switches = Switches(resources.metrics)
        desk = Performer(self.name, providers, resources, switches, frozenset(g.name for g in self.goal_types if g.informs))
        manifest = ConnectorRegistered(connector=self.name, goal_types=tuple(self.goal_types), providers=tuple(specs.providers.values()))
        local = {name: provider for name, provider in providers.items() if isinstance(provider, Local)}
        rules = Rules(specs, lambda approval: open_approval(approval, resources.platform.approval_keys), local)
        return Parts(
            core=core(rules),
            read=read,
            perform=desk.perform,
            admit=desk.admit,
            close=desk.close,
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
            trace = resources.tracing.start(f"webhook {self.name}", await _trace_of(resources, task, key))
            await resources.publish(task, request.path_params["tenant"], Send(hint, connector_commands(self.name)), trace)
            return Response(status_code=202)

        return take


async def _trace_of(resources: Resources, task: UUID, key: UUID) -> str:
    """Return the `traceparent` of an effect; empty for what nobody knows, which then begins a trace of its own."""
    query = "select doc::json #>> array['effects', $2, 'traceparent'] from effects where task_id = $1"
    return await resources.pool.fetchval(query, task, str(key)) or ""


class Switches:
    """The kill switches this replica has seen (protocol P23)."""

    def __init__(self, metrics: Metrics) -> None:
        self.parked: set[str] = set()
        self._metrics = metrics

    def apply(self, record: Any) -> None:
        """Apply one record of trust's state topic; what can't be read is not a switch."""
        try:
            message = decode(record).message
        except TuntasError:
            return
        if isinstance(message, Switch):
            (self.parked.add if message.parked else self.parked.discard)(message.scope)
            self._metrics.of("tuntas_parked", scope=message.scope).set(message.parked)

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

    def __init__(
        self,
        connector: str,
        providers: Mapping[str, Provider | Local],
        resources: Resources,
        switches: Switches,
        informing: frozenset[str] = frozenset(),
    ) -> None:
        self._connector, self._providers, self._switches, self._informing = connector, providers, switches, informing
        self._vault, self._tracing, self._settings = resources.vault, resources.tracing, resources.settings

    def admit(self, call: Call, event: Event) -> None:
        """Look at the kill switches.

        Raises:
            NotSent: `parked`: the party, this connector or the tenant is.
        """
        self._switches.check(call.party, self._connector, f"{self._connector}/{call.party}", f"tenant/{event.tenant}")

    async def close(self) -> None:
        """Let all providers go."""
        for provider in self._providers.values():
            await provider.close()

    async def perform(self, call: Call, event: Event) -> Document:
        """Make one call inside a client span; names are opened for this call only, and only an action needs them.

        Raises:
            NotSent: `erased`: the person's key is gone, or `unsealable`.
        """
        if call.kind == "quote":
            return await self._quote(call, event)
        provider = self._providers[call.party]
        callback = f"{self._settings.callback_base}/webhooks/{self._connector}/{event.tenant}/{event.task_id}/{call.body['key']}"
        with self._tracing.span(
            f"{call.kind} {call.body['action']}", event.traceparent, party=call.party, step=str(call.body["action"])
        ) as parent:
            request = Request.model_validate(
                call.body | await self._personal(event.tenant, call) | {"callback_url": callback, "traceparent": parent}
            )
            answer = await _METHODS[call.kind](provider, request)
        return {"found": False} if answer is None else answer.model_dump(mode="json", exclude_defaults=True) | {"found": True}

    async def _quote(self, call: Call, event: Event) -> Document:
        asked = QuoteRequested.model_validate(call.body)
        open_to = {n: p for n, p in self._providers.items() if not self._switches.parks(n, f"{self._connector}/{n}")}
        try:
            names = await self._open(event.tenant, list(asked.travellers))
            with self._tracing.span(f"quote {asked.goal.type}", event.traceparent, party=self._connector) as parent:
                wish = await quoting.wished(self._vault, event, asked, names, parent)
                found = await quoting.ask(open_to, wish, None if len(open_to) == len(self._providers) else "parked")
            return await quoting.told(self._vault, event.tenant, asked, found) if asked.goal.type in self._informing else found
        except Rejected as error:
            return {"offers": [], "code": error.code}

    async def _personal(self, tenant: str, call: Call) -> Document:
        if call.kind != "act":
            return {"travellers": []}
        given: Any = call.body.get("input") or {}
        try:
            names: Any = await self._open(tenant, call.body.get("travellers"))
            return {"travellers": names, "input": await opened(self._vault, tenant, given)}
        except Rejected as error:
            raise NotSent(error.code, error.reason) from error

    async def _open(self, tenant: str, sealed: Any) -> list[str]:
        return [await self._vault.open(tenant, Personal(value)) for value in sealed or []]


_METHODS: dict[str, Callable[[Any, Request], Any]] = {
    "act": lambda provider, request: provider.act(request),
    "inquire": lambda provider, request: provider.inquire(request),
    "undo_quote": lambda provider, request: provider.undo_quote(request),
    rehearsing.KIND: lambda provider, request: provider.undo_quote(request),
    "undo": lambda provider, request: provider.undo(request),
}
