"""What to tell a person now, from a task's typed facts: by the engines if they hold to the facts, else by the platform's own templates."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tuntas.contracts.base import Contract, Document
from tuntas.gateway.state import Task
from tuntas.gateway.store import Stored
from tuntas.kit.engines import Engines, Forgone
from tuntas.language.replies import Facts, amounts, grounded, why, write

SCENARIO = "reply.write"
ANSWER_SECONDS = 2.0
MOST_CHARACTERS = 2000
DEFAULT_LANGUAGE = "en"


class TaskReply(Contract):
    """What to tell the person, in `lang`; `by` is `engine` or `template`. It is made from the facts of `status` and adds none."""

    task_id: UUID
    status: str
    lang: str
    text: str
    by: str


def facts_of(task: Task, lang: str) -> dict[str, str | list[str]]:
    """Return what may be said of a task, in words; what is not there is left out."""
    plan, waiting = task.plan, task.approval
    ended = task.status in {"completed", "compensated"}
    undo = waiting.worst_undo if waiting else plan.worst_undo if plan else {}
    found: dict[str, str | list[str]] = {
        "question": task.question.question if task.question else "",
        "titles": list(task.titles or (plan.titles if plan else ())),
        "price": amounts(waiting.ceilings if waiting else plan.ceilings if plan else {}, lang),
        "undo": amounts(undo, lang),
        "kept": amounts(task.kept, lang) if ended else "",
        "why": why(task.code, lang) if task.status != "completed" else "",
    }
    return {name: fact for name, fact in found.items() if fact}


@dataclass(frozen=True)
class Replies:
    """Writes replies."""

    engines: Engines | None

    async def of(self, stored: Stored, lang: str | None, trace: str) -> TaskReply:
        """Return the reply of a task as it stands, in the language that is asked for, else in the person's."""
        task = stored.task
        spoken = lang or task.lang or DEFAULT_LANGUAGE
        facts = facts_of(task, spoken)
        text = await self._by_engine(stored, facts, spoken, trace)
        by = "engine" if text else "template"
        return TaskReply(task_id=stored.task_id, status=task.status, lang=spoken, text=text or write(task.status, facts, spoken), by=by)

    async def _by_engine(self, stored: Stored, facts: Facts, lang: str, trace: str) -> str | None:
        if self.engines is None:
            return None
        document: Document = {"lang": lang, "state": stored.task.status, "facts": _json(facts)}
        try:
            found = await self.engines.ask(
                SCENARIO, document, seconds=ANSWER_SECONDS, tenant=stored.tenant, task=stored.task_id, traceparent=trace
            )
            return _held(found, facts, stored.task.status, lang)
        except Forgone as error:
            self.engines.forgo(SCENARIO, error, stored.task_id)
            return None


def _json(facts: Facts) -> Any:
    return {name: fact if isinstance(fact, str) else list(fact) for name, fact in facts.items()}


def _held(found: Any, facts: Facts, status: str, lang: str) -> str:
    """Return an engine's text if it holds to the facts; one that leaves out the question or the money of a decision does not."""
    text = found.get("text") if isinstance(found, dict) else None
    if not isinstance(text, str) or not 0 < len(text.strip()) <= MOST_CHARACTERS:
        raise Forgone("invalid", "no text")
    needed = {"question": ("question",), "approval_needed": ("price", "undo"), "completed": ("kept",), "compensated": ("kept",)}
    missing = [name for name in needed.get(status, ()) if isinstance(fact := facts.get(name, ""), str) and fact not in text]
    if missing or not grounded(text, facts, lang):
        raise Forgone("invalid", f"left out: {', '.join(missing)}" if missing else "says more than the facts")
    return text.strip()
