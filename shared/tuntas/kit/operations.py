"""Why isn't it moving? One explanation for two doors, the gateway's and the command's `--db`, from views that services grant operators.

The views are a contract, read with a role of its own: `ops_tasks`, `ops_plans`, `ops_consents`, `ops_executions`, `ops_sagas`,
`ops_timers` and `ops.heartbeats`. Explaining is a pure function of what was read.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from tuntas.contracts.base import Contract, Instant
from tuntas.contracts.money import Amounts, Money

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
    """What a task waits for. `waiting_for` is one code, `not_running` the services that should act and give no sign of life."""

    task_id: UUID
    status: str
    step: str | None = None
    waiting_for: str
    since: Instant | None = None
    next_timer_at: Instant | None = None
    money_at_risk: Amounts = {}
    code: str | None = None
    provider: str | None = None
    not_running: tuple[str, ...] = ()
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


async def gather(con: asyncpg.Connection | asyncpg.Pool, task_id: UUID) -> Facts:
    """Read the views with the operators' role."""
    docs: dict[str, Doc] = {}
    since: dict[str, datetime] = {}
    for name, view in VIEWS.items():
        row = await con.fetchrow(f"select doc, updated_at from {view} where task_id = $1", task_id)
        if row:
            docs[name], since[name] = json.loads(row["doc"]), row["updated_at"]
    union = " union all ".join(f"select due_at from {schema}.ops_timers where task_id = $1" for schema in _TIMERS)
    timers = tuple(r["due_at"] for r in await con.fetch(f"{union} order by 1", task_id))
    beats = {r["service"]: r["at"] for r in await con.fetch("select service, max(at) as at from ops.heartbeats group by 1")}
    now: Any = await con.fetchval("select clock_timestamp()")
    return Facts(task_id, now, docs, since, timers, beats)


def explain(facts: Facts) -> Explanation:
    """Explain a task from the service whose turn it is."""
    task, saga = facts.docs.get("task"), facts.docs.get("saga", {})
    if task is None and not saga:
        return Explanation(task_id=facts.task_id, status="unknown", waiting_for="nothing", safe_actions=())
    status = str((task or {}).get("status") or saga.get("status"))
    found = _stage(facts, status, task or {})
    answers = found.pop("answers")
    silent = tuple(s for s in answers if _silent(facts, s))
    actions = (*(_start(s) for s in silent), *found.pop("actions"))
    return Explanation(
        task_id=facts.task_id,
        status=status,
        next_timer_at=min((t for t in facts.timers), default=None),
        money_at_risk=saga.get("at_risk", {}),
        not_running=silent,
        safe_actions=actions,
        **found,
    )


def _silent(facts: Facts, service: str) -> bool:
    beat = facts.beats.get(service)
    return beat is None or facts.now - beat > SILENT_AFTER


def _start(service: str) -> SafeAction:
    return SafeAction(
        command=f"tuntas-{service} serve", effect=f"starts {service}, which gives no sign of life; it goes on where it stopped"
    )


def _stage(facts: Facts, status: str, task: Doc) -> Doc:
    """Find whose turn it is: the first of these that is not over."""
    saga, execution, consent = (facts.docs.get(name, {}) for name in ("saga", "execution", "consent"))
    if status in {"completed", "compensated", "rejected"}:
        return _found("nothing", since=facts.since.get("task"), code=task.get("code"))
    if saga.get("status") == "needs_attention":
        return _resting(facts, saga)
    if saga.get("status") in {"compensating", "halting"}:
        return _going_back(facts, saga)
    if consent.get("pending"):
        return _asked(facts)
    if execution and execution.get("status") != "ended":
        return _going_forward(facts, execution)
    if saga.get("status") in {"open", "reopened"}:
        return _found(str(saga.get("waiting_for") or "end"), since=facts.since["saga"], answers=("executor", "saga"))
    return _before_the_start(facts, status, task)


def _found(waiting_for: str, answers: tuple[str, ...] = (), actions: tuple[SafeAction, ...] = (), **more: Any) -> Doc:
    return {"waiting_for": waiting_for, "answers": answers, "actions": actions, **more}


def _before_the_start(facts: Facts, status: str, task: Doc) -> Doc:
    if status == "question":
        question = (task.get("question") or {}).get("question", "")
        command = SafeAction(command=f"tuntas answer {facts.task_id} 'YOUR ANSWER'", effect=f"answers: {question}")
        return _found("answer", ("intent",), (command, _cancel(facts, "ends the task; nothing has happened")), since=facts.since["task"])
    if "plan" in facts.docs:
        plan = facts.docs["plan"]
        waiting = "quotes" if plan.get("status") == "quoting" else "consent"
        services = ("planner", *_quoting(plan)) if waiting == "quotes" else ("trust",)
        return _found(waiting, services, (_cancel(facts, "ends the task; nothing has happened"),), since=facts.since["plan"])
    return _found("intent", ("intent", "planner"), (_cancel(facts, "ends the task; nothing has happened"),), since=facts.since.get("task"))


def _quoting(plan: Doc) -> tuple[str, ...]:
    open_quotes = [q for q in plan.get("quotes", []) if not q.get("offers")]
    return tuple(dict.fromkeys(f"connectors-{q['connector']}" for q in open_quotes if "connector" in q))


def _asked(facts: Facts) -> Doc:
    yes = SafeAction(command=f"tuntas approve {facts.task_id}", effect="the person's yes to the plan shown; it starts at once")
    no = SafeAction(command=f"tuntas approve {facts.task_id} --no", effect="the person's no; nothing is bought")
    code = ",".join(facts.docs["consent"]["pending"].get("reasons", []))
    return _found("approval", ("trust",), (yes, no), since=facts.since["consent"], code=code or None)


def _going_forward(facts: Facts, execution: Doc) -> Doc:
    if execution.get("status") == "amending":
        return _found("amended_plan", ("planner", "trust"), (_cancel(facts, "undoes what is held"),), since=facts.since["execution"])
    open_attempts = [a for a in execution.get("attempts", []) if a.get("status", "declared") not in {"done", "refused", "undone"}]
    if not open_attempts:
        return _found("next_step", ("executor",), (_cancel(facts, "undoes what is held"),), since=facts.since["execution"])
    attempt = open_attempts[0]
    d = attempt["declaration"]
    pivot = any(a["declaration"]["kind"] == "pivot" and a.get("status") == "done" for a in execution["attempts"])
    effect = "too late for a free way back: answers with the price of undoing" if pivot else "stops, and undoes what is held"
    return _found(
        f"reply:{d['step_id']}",
        ("executor", f"connectors-{d['connector']}"),
        (_cancel(facts, effect),),
        step=d["step_id"],
        provider=d["provider"],
        since=facts.since["execution"],
        code=attempt.get("status", "declared"),
    )


def _going_back(facts: Facts, saga: Doc) -> Doc:
    undoing = [e for e in saga.get("effects", {}).values() if e.get("phase") == "undoing"]
    d = undoing[0]["declaration"] if undoing else None
    answers = ("saga", f"connectors-{d['connector']}") if d else ("saga", "executor")
    waiting = str(saga.get("waiting_for") or saga["status"])
    step, provider = (d["step_id"], d["provider"]) if d else (None, None)
    return _found(waiting, answers, (), step=step, provider=provider, since=saga.get("since"), code=saga.get("code"))


def _resting(facts: Facts, saga: Doc) -> Doc:
    waiting = [e for e in saga.get("effects", {}).values() if e.get("phase") == "waiting"]
    first = waiting[0]["declaration"] if waiting else None
    actions = tuple(action for e in waiting for action in _repairs(facts, e)) or (
        _repair(facts, "retry", None, "asks the executor to go on"),
    )
    step, provider = (first["step_id"], first["provider"]) if first else (None, None)
    code = waiting[0].get("code") if waiting else saga.get("reason")
    return _found("operator", ("saga",), actions, step=step, provider=provider, since=saga.get("since"), code=code)


def _repairs(facts: Facts, effect: Doc) -> Iterator[SafeAction]:
    key, step = str(effect["declaration"]["key"]), effect["declaration"]["step_id"]
    if effect.get("quote_id") and effect.get("asked_fee"):
        fee = Money.model_validate(effect["asked_fee"])
        yield _repair(facts, "accept_fee", key, f"undoes {step} for {fee}")
    yield _repair(facts, "retry", key, f"tries again to undo {step}")
    yield _repair(facts, "skip", key, f"keeps {step}; it is listed as residue")


def _repair(facts: Facts, action: str, key: str | None, effect: str) -> SafeAction:
    target = f" --key {key}" if key else ""
    return SafeAction(command=f"tuntas repair {facts.task_id} {action}{target} --reason 'as explained'", effect=effect)


def _cancel(facts: Facts, effect: str) -> SafeAction:
    return SafeAction(command=f"tuntas cancel {facts.task_id}", effect=effect)


STUCK = """
select t.task_id, t.status, t.updated_at, s.doc as saga, e.doc as execution from gateway.ops_tasks t
left join saga.ops_sagas s using (task_id) left join executor.ops_executions e using (task_id)
where t.status not in ('completed', 'compensated', 'rejected') order by t.updated_at limit 5000
"""


class StuckTask(Contract):
    """One line of `tuntas tasks --stuck`."""

    task_id: UUID
    status: str
    step: str | None
    provider: str | None
    code: str | None
    age_seconds: float
    money_at_risk: Amounts


async def stuck(con: asyncpg.Connection | asyncpg.Pool, where: Mapping[str, str]) -> list[StuckTask]:
    """Return tasks that are not at an end, the most money at risk first.

    Amounts are compared by their largest figure in minor units, whatever the currency: no rate is assumed.

    Args:
        con: a connection of the operators' role.
        where: `provider`, `step`, `code` to match, `older-than` in seconds.
    """
    found = []
    for row in await con.fetch(STUCK):
        line = explain(await gather(con, row["task_id"]))
        age = (await con.fetchval("select extract(epoch from clock_timestamp() - $1::timestamptz)", row["updated_at"])) or 0
        item = StuckTask(
            task_id=row["task_id"],
            status=row["status"],
            step=line.step,
            provider=line.provider,
            code=line.code or line.waiting_for,
            age_seconds=float(age),
            money_at_risk=line.money_at_risk,
        )
        if _matches(item, where):
            found.append(item)
    return sorted(found, key=lambda item: -max(item.money_at_risk.values(), default=0))


def _matches(item: StuckTask, where: Mapping[str, str]) -> bool:
    wanted = {"provider": item.provider, "step": item.step, "code": item.code}
    named = all(wanted[name] == value for name, value in where.items() if name in wanted)
    return named and item.age_seconds >= float(where.get("older-than", 0))


async def beats(con: asyncpg.Connection | asyncpg.Pool) -> dict[str, float]:
    """Return how long ago each service gave its last sign of life, in seconds."""
    rows = await con.fetch("select service, extract(epoch from now() - max(at)) as age from ops.heartbeats group by 1 order by 1")
    return {row["service"]: float(row["age"]) for row in rows}
