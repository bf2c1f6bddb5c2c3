"""Why isn't it moving? One explanation for two doors, the gateway's and the command's `--db`, from views that services grant operators.

The views are a contract, read with a role of its own: `ops_tasks`, `ops_plans`, `ops_consents`, `ops_executions`, `ops_sagas`,
`ops_timers` and `ops.heartbeats`. Explaining is a pure function of what was read.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from tuntas.contracts.base import Contract, Instant
from tuntas.contracts.money import Amounts, Money
from tuntas.contracts.saga import SagaRepaired
from tuntas.kit.errors import Transient

SILENT_AFTER = timedelta(seconds=10)
VIEWS = {
    "task": "gateway.ops_tasks",
    "plan": "planner.ops_plans",
    "consent": "trust.ops_consents",
    "execution": "executor.ops_executions",
    "saga": "saga.ops_sagas",
}
_TIMERS = ("planner", "trust", "executor", "saga")
Doc = dict[str, Any]


class SafeAction(Contract):
    """A command that can be run as printed, and what it does."""

    command: str
    effect: str


class Explanation(Contract):
    """What a task waits for. `waiting_for` is one code, `not_running` the services that should act and give no sign of life.

    `version` is the saga's, which a repair may expect; none before there is one. `repaired` says what an operator's last decision came to.
    """

    task_id: UUID
    status: str
    version: int | None = None
    step: str | None = None
    waiting_for: str
    since: Instant | None = None
    next_timer_at: Instant | None = None
    money_at_risk: Amounts = msgspec.field(default_factory=dict)
    code: str | None = None
    provider: str | None = None
    not_running: tuple[str, ...] = ()
    repaired: SagaRepaired | None = None
    safe_actions: tuple[SafeAction, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What the views say of one task. Documents are as the services store them; `beats` is the last sign of life per service."""

    task_id: UUID
    now: datetime
    docs: Mapping[str, Doc]
    since: Mapping[str, datetime]
    timers: tuple[datetime, ...] = ()
    beats: Mapping[str, datetime] = field(default_factory=dict)

    def doc(self, name: str) -> Doc:
        """Return a service's document of the task; empty if it has none."""
        return self.docs.get(name, {})

    def status(self, name: str) -> str:
        """Return a document's status; empty if there is none."""
        return str(self.doc(name).get("status", ""))

    def silent(self, service: str) -> bool:
        """Say whether a service gave no sign of life of late."""
        beat = self.beats.get(service)
        return beat is None or self.now - beat > SILENT_AFTER


async def gather(con: asyncpg.Connection | asyncpg.Pool, task_id: UUID) -> Facts:
    """Read the views with the operators' role."""
    return (await gather_all(con, [task_id]))[task_id]


async def gather_all(con: asyncpg.Connection | asyncpg.Pool, tasks: Sequence[UUID]) -> dict[UUID, Facts]:
    """Read the views for several tasks at once."""
    docs: dict[UUID, dict[str, Doc]] = {task: {} for task in tasks}
    since: dict[UUID, dict[str, datetime]] = {task: {} for task in tasks}
    for name, view in VIEWS.items():
        for row in await con.fetch(f"select task_id, doc, updated_at from {view} where task_id = any($1::uuid[])", tasks):
            docs[row["task_id"]][name], since[row["task_id"]][name] = json.loads(row["doc"]), row["updated_at"]
    union = " union all ".join(f"select task_id, due_at from {schema}.ops_timers where task_id = any($1::uuid[])" for schema in _TIMERS)
    timers: dict[UUID, list[datetime]] = {task: [] for task in tasks}
    for row in await con.fetch(union, tasks):
        timers[row["task_id"]].append(row["due_at"])
    beats = {r["service"]: r["at"] for r in await con.fetch("select service, max(at) as at from ops.heartbeats group by 1")}
    now: Any = await con.fetchval("select clock_timestamp()")
    return {task: Facts(task, now, docs[task], since[task], tuple(timers[task]), beats) for task in tasks}


@dataclass(frozen=True)
class _Waits:
    """What is waited for, the services that should act, and what a person can do about it."""

    waiting_for: str
    services: tuple[str, ...] = ()
    actions: tuple[SafeAction, ...] = ()
    since: Any = None
    step: str | None = None
    provider: str | None = None
    code: str | None = None


def explain(facts: Facts) -> Explanation:
    """Explain a task from the service whose turn it is."""
    if not facts.docs:
        return Explanation(task_id=facts.task_id, status="unknown", waiting_for="nothing")
    found = next(waits for look in _LOOKS if (waits := look(facts)))
    silent = tuple(service for service in found.services if facts.silent(service))
    told = {
        "task_id": facts.task_id,
        "status": facts.status("task") or facts.status("saga") or "accepted",
        "version": facts.doc("saga").get("version"),
        "step": found.step,
        "waiting_for": found.waiting_for,
        "since": found.since,
        "next_timer_at": min(facts.timers, default=None),
        "money_at_risk": facts.doc("saga").get("at_risk", {}),
        "code": found.code,
        "provider": found.provider,
        "not_running": silent,
        "repaired": facts.doc("task").get("repaired"),
        "safe_actions": (*(_start(service) for service in silent), *found.actions),
    }
    return Explanation.model_validate(told)


def _start(service: str) -> SafeAction:
    return SafeAction(
        command=f"tuntas-{service} serve", effect=f"starts {service}, which gives no sign of life; it goes on where it stopped"
    )


def _over(facts: Facts) -> _Waits | None:
    reopened = facts.status("saga") not in {"", *_CLOSED}
    if facts.status("task") not in {"rejected", "answered", *_CLOSED} or reopened:
        return None
    return _Waits("nothing", since=facts.since["task"], code=facts.doc("task").get("code"))


def _untold(facts: Facts) -> _Waits | None:
    """It has ended where that is decided, and the gateway has not said so yet."""
    for name, ends in (("saga", _CLOSED), ("consent", _UNAPPROVED), ("plan", {"infeasible"})):
        started = name != "saga" and "execution" in facts.docs
        if facts.status(name) in ends and not started:
            code = facts.doc(name).get("code") or facts.status(name)
            return _Waits("announcement", ("gateway",), since=facts.since[name], code=code)
    return None


def _resting(facts: Facts) -> _Waits | None:
    saga = facts.doc("saga")
    if facts.status("saga") != "needs_attention":
        return None
    waiting = [e for e in saga.get("effects", {}).values() if e.get("stage") == "waiting"]
    actions = tuple(action for e in waiting for action in _repairs(facts, e))
    if waiting:
        step, provider = _place(waiting[0])
        return _Waits("operator", ("saga",), actions, saga.get("since"), step, provider, waiting[0].get("code"))
    step, provider = _place(next(iter(_open_attempts(facts)), None))
    retry = _repair(facts, "retry", None, "asks the executor to go on")
    return _Waits("operator", ("saga", "executor"), (retry,), saga.get("since"), step, provider, saga.get("reason"))


def _going_back(facts: Facts) -> _Waits | None:
    saga = facts.doc("saga")
    if facts.status("saga") == "halting":
        return _Waits("halt", ("saga", "executor"), since=saga.get("since"), code=saga.get("code"))
    if facts.status("saga") != "compensating":
        return None
    undoing = sorted(_undoing(saga), key=lambda e: (not e.get("sends"), -e["declaration"]["start"]))
    first = undoing[0] if undoing else None
    services = ("saga", f"connectors-{first['declaration']['connector']}") if first else ("saga",)
    step, provider = _place(first)
    code = (first or {}).get("code") or saga.get("code")
    return _Waits(str(saga.get("waiting_for") or "undo"), services, (), saga.get("since"), step, provider, code)


def _undoing(saga: Doc) -> list[Doc]:
    return [e for e in saga.get("effects", {}).values() if e.get("stage") == "undoing"]


def _asked(facts: Facts) -> _Waits | None:
    pending = facts.doc("consent").get("pending")
    if not pending or facts.status("consent") in _UNAPPROVED:
        return None
    yes = SafeAction(command=f"tuntas approve {facts.task_id}", effect="the person's yes to the plan shown; it starts at once")
    no = SafeAction(command=f"tuntas approve {facts.task_id} --no", effect="the person's no; nothing more is bought")
    code = ",".join(pending.get("reasons", []))
    return _Waits("approval", ("trust",), (yes, no), facts.since["consent"], code=code or None)


def _going_forward(facts: Facts) -> _Waits | None:
    execution = facts.doc("execution")
    if not execution or execution["status"] == "ended":
        return None
    cancel = _cancel(facts, _effect_of_cancel(execution))
    since = facts.since["execution"]
    if execution["status"] == "amending":
        return _Waits("amended_plan", ("planner", "trust", "executor"), (cancel,), since)
    attempt = next(iter(_open_attempts(facts)), None)
    if attempt is None:
        step, provider = _place(_refused_for_now(execution))
        return _Waits(f"again:{step}" if step else "next_step", ("executor",), (cancel,), since, step, provider)
    d = attempt["declaration"]
    state = attempt.get("status", "declared")
    word, coordinator = ("release", ("saga",)) if state == "releasing" else ("reply", ())
    services = ("executor", *coordinator, f"connectors-{d['connector']}")
    return _Waits(f"{word}:{d['step_id']}", services, (cancel,), since, d["step_id"], d["provider"], state)


def _refused_for_now(execution: Doc) -> Doc | None:
    """Return the attempt after whose refusal its step will be attempted again."""
    latest = {a["declaration"]["step_id"]: a for a in execution.get("attempts", [])}
    return next((a for a in latest.values() if a.get("status") == "refused" and a.get("not_before")), None)


def _effect_of_cancel(execution: Doc) -> str:
    pivot = any(a["declaration"]["kind"] == "pivot" and a.get("status") == "done" for a in execution.get("attempts", []))
    return "too late for a free way back: answers with the price of undoing" if pivot else "stops, and undoes what is held"


def _open_attempts(facts: Facts) -> list[Doc]:
    attempts: list[Doc] = facts.doc("execution").get("attempts", [])
    return [a for a in attempts if a.get("status", "declared") not in {"done", "refused", "undone"}]


def _closing(facts: Facts) -> _Waits | None:
    """Forward is over, and the coordinator has to say the outcome."""
    if facts.status("execution") != "ended":
        return None
    saga = facts.doc("saga")
    return _Waits(str(saga.get("waiting_for") or "outcome"), ("executor", "saga"), since=facts.since["execution"])


def _questioned(facts: Facts) -> _Waits | None:
    question = facts.doc("task").get("question")
    if facts.status("task") != "question" or not question:
        return None
    text = question.get("question", "")
    answer = SafeAction(command=f"tuntas answer {facts.task_id} 'YOUR ANSWER'", effect=f"gives the answer to: {text}")
    return _Waits("answer", ("intent",), (answer, _cancel(facts, _NOTHING_YET)), facts.since["task"])


def _before_the_start(facts: Facts) -> _Waits:
    cancel = (_cancel(facts, _NOTHING_YET),)
    if facts.status("consent") == "approved":
        return _Waits("start", ("executor",), (_cancel(facts, "stops, and undoes what is held"),), facts.since["consent"])
    if facts.status("plan") in {"quoting", "amending"}:
        return _Waits("quotes", ("planner", *_quoting(facts.docs["plan"])), cancel, facts.since["plan"])
    if "plan" in facts.docs:
        return _Waits("consent", ("trust",), cancel, facts.since["plan"])
    return _Waits("intent", ("intent", "planner"), cancel, facts.since.get("task"))


def _quoting(plan: Doc) -> tuple[str, ...]:
    open_quotes = [q for q in plan.get("quotes", []) if q.get("offers") is None]
    return tuple(dict.fromkeys(f"connectors-{q['connector']}" for q in open_quotes))


def _place(part: Doc | None) -> tuple[str | None, str | None]:
    """Return the step and the provider of an attempt or an effect."""
    return (part["declaration"]["step_id"], part["declaration"]["provider"]) if part else (None, None)


def _repairs(facts: Facts, effect: Doc) -> Iterator[SafeAction]:
    key, step = str(effect["declaration"]["key"]), effect["declaration"]["step_id"]
    if effect.get("quote_id") and effect.get("asked_fee"):
        fee = Money.model_validate(effect["asked_fee"])
        yield _repair(facts, "accept_fee", key, f"undoes {step} for {fee}")
    yield _repair(facts, "retry", key, f"tries again to undo {step}")
    yield _repair(facts, "skip", key, f"keeps {step}; it is listed as residue")


def _repair(facts: Facts, action: str, key: str | None, effect: str) -> SafeAction:
    version = facts.doc("saga").get("version")
    target = (f" --key {key}" if key else "") + (f" --expected {version}" if version else "")
    return SafeAction(command=f"tuntas repair {facts.task_id} {action}{target} --reason 'as explained'", effect=effect)


def _cancel(facts: Facts, effect: str) -> SafeAction:
    return SafeAction(command=f"tuntas cancel {facts.task_id}", effect=effect)


_CLOSED = {"completed", "compensated"}
_UNAPPROVED = {"denied", "expired", "cancelled"}
_NOTHING_YET = "ends the task; nothing has happened"
_LOOKS: tuple[Callable[[Facts], _Waits | None], ...] = (
    _over,
    _untold,
    _resting,
    _going_back,
    _asked,
    _going_forward,
    _closing,
    _questioned,
    _before_the_start,
)
"""Whose turn is it? The first that has something to say says it."""


STUCK = """
select task_id, tenant, updated_at from gateway.ops_tasks
where status not in ('completed', 'compensated', 'rejected', 'answered') and ($1::uuid is null or task_id = $1)
order by updated_at limit 5000
"""


class StuckTask(Contract):
    """One line of `tuntas tasks --stuck`."""

    task_id: UUID
    tenant: str
    status: str
    version: int | None
    step: str | None
    provider: str | None
    code: str | None
    age_seconds: float
    money_at_risk: Amounts


class Stuck(NamedTuple):
    """A task that is not at an end: its line, and what the views say of it."""

    line: StuckTask
    facts: Facts


async def stuck(con: asyncpg.Connection | asyncpg.Pool, where: Mapping[str, str]) -> list[StuckTask]:
    """Return tasks that are not at an end, the most money at risk first.

    Amounts are compared by their largest figure in minor units, whatever the currency: no rate is assumed.

    Args:
        con: a connection of the operators' role.
        where: `provider`, `step`, `code`, `tenant` to match, `older-than` in seconds.
    """
    return [found.line for found in await look(con, where)]


async def look(con: asyncpg.Connection | asyncpg.Pool, where: Mapping[str, str], task: UUID | None = None) -> list[Stuck]:
    """Return the same tasks, or only this one of them, each with what the views say of it."""
    rows = await con.fetch(STUCK, task)
    facts = await gather_all(con, [row["task_id"] for row in rows])
    lines = (_line(facts[row["task_id"]], row["tenant"], row["updated_at"]) for row in rows)
    found = [Stuck(line, facts[line.task_id]) for line in lines if _matches(line, where)]
    return sorted(found, key=lambda each: -max(each.line.money_at_risk.values(), default=0))


def _line(facts: Facts, tenant: str, updated_at: datetime) -> StuckTask:
    line = explain(facts)
    return StuckTask(
        task_id=facts.task_id,
        tenant=tenant,
        version=line.version,
        status=line.status,
        step=line.step,
        provider=line.provider,
        code=line.code or line.waiting_for,
        age_seconds=(facts.now - updated_at).total_seconds(),
        money_at_risk=line.money_at_risk,
    )


def _matches(item: StuckTask, where: Mapping[str, str]) -> bool:
    wanted = {"provider": item.provider, "step": item.step, "code": item.code, "tenant": item.tenant}
    named = all(wanted[name] == value for name, value in where.items() if name in wanted)
    return named and item.age_seconds >= float(where.get("older-than", 0))


async def beats(con: asyncpg.Connection | asyncpg.Pool) -> dict[str, float]:
    """Return how long ago each service gave its last sign of life, in seconds."""
    rows = await con.fetch("select service, extract(epoch from now() - max(at)) as age from ops.heartbeats group by 1 order by 1")
    return {row["service"]: float(row["age"]) for row in rows}


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Give one connection of the operators' role.

    Raises:
        Transient: `unavailable`: the database is away, before or meanwhile.
    """
    try:
        con = await asyncpg.connect(url, timeout=5)
        try:
            yield con
        finally:
            await con.close()
    except (OSError, asyncpg.PostgresError) as error:
        raise Transient("unavailable", "the database is away") from error
