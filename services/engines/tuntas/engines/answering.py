"""One call on its way to an answer: over the routes of its policy, each attempt kept before the next begins or anybody is answered."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from time import monotonic
from uuid import UUID

from tuntas.contracts.engines import EngineUsed, Tokens
from tuntas.engines.catalogue import Catalogue
from tuntas.engines.embedded.counting import count, count_said
from tuntas.engines.faults import EngineFault, Kind
from tuntas.engines.ledger import Ledger
from tuntas.engines.orders import Engine, Order, Said
from tuntas.engines.refusals import exhausted, told
from tuntas.engines.routing import Next, Route, after, choose
from tuntas.kit.telemetry.metrics import Metrics
from tuntas.kit.telemetry.trace import Tracing

RESERVE_SECONDS = 0.1
"""What an attempt leaves of the deadline when there is another route: enough for the engine inside to answer."""

KEEP_SECONDS = 5.0
TRIES = 2
_PAUSE_SECONDS = (0.05, 0.15)
Check = Callable[[str], None]
"""Looks at a whole answer. Raises EngineFault `bad_output`."""


@dataclass(frozen=True)
class Backends:
    """What calls stand on: engines by name, facts about them, and where attempts are kept."""

    engines: Mapping[str, Engine]
    catalogue: Catalogue
    ledger: Ledger
    metrics: Metrics
    tracing: Tracing


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asked, for whom, and within which limits: at most `hops` changes of route, all over by `ends_at` (loop time)."""

    call: UUID
    tenant: str
    scenario: str
    order: Order
    hops: int
    ends_at: float
    first_word_seconds: float
    task: UUID | None = None
    traceparent: str = ""
    reference: str | None = None
    check: Check | None = None


@dataclass(slots=True)
class Trial:
    """One attempt: what came so far, and when it began."""

    route: Route
    number: int
    begun: datetime
    started: float
    parts: list[str] = field(default_factory=list)
    tokens: Tokens | None = None
    finish: str = ""

    @property
    def text(self) -> str:
        """Return what came so far."""
        return "".join(self.parts)

    def used(self, order: Order) -> Tokens:
        """Return what it used: as the engine says, else as counted here from what went out and what came."""
        if self.tokens is not None or not self.parts:
            return self.tokens or Tokens()
        return Tokens(input=count_said(order.said), output=count(self.text), estimated=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, and every attempt that led to it."""

    text: str
    finish: str
    route: str
    tokens: Tokens
    attempts: tuple[EngineUsed, ...]


class Answering:
    """Answers one call."""

    def __init__(self, backends: Backends, asked: Asked, routes: Sequence[Route]) -> None:
        self._backends, self._asked, self._routes = backends, asked, routes
        self._tries: dict[str, int] = {}
        self._left: set[str] = set()
        self._faults: list[EngineFault] = []
        self.attempts: list[EngineUsed] = []
        self.finish = ""

    async def answer(self) -> Answer:
        """Return the answer of the first route that gives one. Raises Refused."""
        while True:
            route = await self._next()
            try:
                return await self._at(route)
            except EngineFault as fault:
                if after(fault, TRIES) is Next.STOP:
                    raise told(fault, self.attempts) from None
                if fault.kind is not Kind.THROTTLED or self._tries[route.name] >= TRIES:
                    self._left.add(route.name)

    async def stream(self) -> AsyncGenerator[str, None]:
        """Yield the words of the one route there is as they come; an attempt that fails before its first word is made once more."""
        route, spoken = await self._next(), False
        for tries in range(1, TRIES + 1):
            try:
                async with aclosing(self._words(route, self._timed(self._asked.order, self._asked.ends_at))) as words:
                    async for text in words:
                        spoken = True
                        yield text
            except EngineFault as fault:
                if spoken or tries == TRIES or after(fault, tries) is not Next.AGAIN:
                    raise told(fault, self.attempts) from None
            else:
                return

    async def _next(self) -> Route:
        loop = asyncio.get_running_loop()
        if len(self._tries) > self._asked.hops:
            raise exhausted(self._faults, self.attempts)
        choice = choose(self._routes, lambda route: route.name in self._left, monotonic(), monotonic() + self._asked.ends_at - loop.time())
        if choice.route is None:
            raise exhausted(self._faults, self.attempts, choice.seconds or None)
        if choice.seconds:
            await asyncio.sleep(choice.seconds)
        choice.route.breaker.allows(monotonic())  # an open breaker counts this as its probe
        return choice.route

    async def _at(self, route: Route) -> Answer:
        """Try one route: once more after what passes, once more with the faults of an answer that does not fit."""
        order, tries = self._asked.order, 0
        while True:
            tries += 1
            self._tries[route.name] = self._tries.get(route.name, 0) + 1
            trial: list[str] = []
            try:
                async with aclosing(self._words(route, self._timed(order, self._ends_at(route)))) as words:
                    async for text in words:
                        trial.append(text)  # noqa: PERF401 - what came is needed if the rest does not
                used = self.attempts[-1]
                return Answer("".join(trial), self.finish, route.name, used.tokens, tuple(self.attempts))
            except EngineFault as fault:
                self._faults.append(fault)
                step = after(fault, tries)
                if step in {Next.OTHER, Next.STOP} or asyncio.get_running_loop().time() >= self._ends_at(route):
                    raise
                order = _repaired(self._asked.order, "".join(trial), fault.reason) if step is Next.REPAIR else order
                await asyncio.sleep(random.uniform(*_PAUSE_SECONDS) if step is Next.AGAIN else 0)  # noqa: S311 - spreads repeats

    def _ends_at(self, route: Route) -> float:
        return self._asked.ends_at - (0.0 if route is self._routes[-1] else RESERVE_SECONDS)

    def _timed(self, order: Order, ends_at: float) -> Order:
        return replace(order, first_word_seconds=self._asked.first_word_seconds, ends_at=ends_at)

    async def _words(self, route: Route, order: Order) -> AsyncGenerator[str, None]:
        """Make one attempt and yield its words; it is kept when it is over, however it ended."""
        engine, _, model = route.name.partition("/")
        trial = Trial(route, len(self.attempts) + 1, datetime.now(UTC), monotonic())
        fault: EngineFault | None = None
        short = order.ends_at - asyncio.get_running_loop().time() < order.first_word_seconds
        try:
            with self._backends.tracing.span(f"ask {engine}", self._asked.traceparent, **{"gen_ai.request.model": model}) as trace:
                async with aclosing(self._backends.engines[engine].converse(model, order, trace)) as pieces:
                    async for piece in pieces:
                        trial.tokens, trial.finish = piece.tokens or trial.tokens, piece.finish or trial.finish
                        if piece.text:
                            trial.parts.append(piece.text)
                            yield piece.text
            self._judge(trial)
            self.finish = trial.finish
        except EngineFault as error:
            fault = error
        except BaseException:
            await asyncio.shield(self._keep(trial, order, "abandoned"))
            raise
        if not (short and fault is not None and fault.kind is Kind.SILENT):
            route.heard(fault, monotonic())
        await self._keep(trial, order, fault.kind.value if fault else "answered", fault.reason if fault else "")
        if fault is not None:
            raise fault

    def _judge(self, trial: Trial) -> None:
        if trial.finish == "content_filter":
            raise EngineFault(Kind.REFUSED, "the engine's filter")
        if not trial.text.strip():
            raise EngineFault(Kind.BAD_OUTPUT, "an empty answer")
        if self._asked.check:
            self._asked.check(trial.text)

    async def _keep(self, trial: Trial, order: Order, outcome: str, reason: str = "") -> None:
        asked, (engine, _, model) = self._asked, trial.route.name.partition("/")
        ended, tokens, catalogue = datetime.now(UTC), trial.used(order), self._backends.catalogue
        spent = tokens.input + tokens.cached + tokens.output > 0
        reference = asked.reference if outcome == "answered" else None
        used = EngineUsed(
            call=asked.call,
            attempt=trial.number,
            scenario=asked.scenario,
            engine=engine,
            model=model,
            outcome=outcome,
            reason=reason[:500],
            tokens=tokens,
            charge=catalogue.charge(trial.route.name, tokens, trial.begun, ended) if spent else None,
            reference=catalogue.charge(reference, tokens, trial.begun, ended) if reference else None,
            milliseconds=max(0, round((monotonic() - trial.started) * 1000)),
            task=asked.task,
        )
        self.attempts.append(used)
        self._count(used, trial.route)
        async with asyncio.timeout(KEEP_SECONDS):
            await self._backends.ledger.keep(used, asked.tenant, asked.traceparent)

    def _count(self, used: EngineUsed, route: Route) -> None:
        metrics = self._backends.metrics
        metrics.of("tuntas_engine_attempts_total", engine=used.engine, scenario=used.scenario, outcome=used.outcome).inc()
        metrics.of("tuntas_engine_seconds", engine=used.engine).observe(used.milliseconds / 1000)
        for kind in ("input", "cached", "output"):
            metrics.of("tuntas_engine_tokens_total", engine=used.engine, kind=kind).inc(getattr(used.tokens, kind))
        metrics.of("tuntas_engine_off", route=route.name).set(route.code in {"starved", "credential", "gone"})


def _repaired(order: Order, answer: str, faults: str) -> Order:
    again = Said("user", f"That does not fit: {faults}. Answer with the corrected JSON object only.")
    return replace(order, said=(*order.said, Said("assistant", answer[:20_000]), again))
