"""Whether a person who asks why a task does not move is told, in every state that it can be in."""

from typing import TYPE_CHECKING
from uuid import UUID

from tuntas.kit.operations import Facts, explain
from tuntas.testkit.log import require

if TYPE_CHECKING:
    from tuntas.testkit.world import World

_DOCUMENTS = {"plan": "planner", "consent": "trust", "execution": "executor", "saga": "saga"}
_OVER = frozenset({"completed", "compensated", "denied", "expired", "cancelled", "infeasible", "person"})


def explained(world: "World", task: UUID) -> None:
    """Judge what the operators' explanation makes of a task.

    Raises:
        Violation: it says nothing, or names nobody who should act.
    """
    states = {name: world.shelves[service].state(task) for name, service in _DOCUMENTS.items()}
    docs = {name: state.model_dump(mode="json", exclude_defaults=True) for name, state in states.items() if state is not None}
    if any(doc.get("status") in _OVER for doc in docs.values()):
        return
    timers = [t for service in _DOCUMENTS.values() for t in world.shelves[service].timers.values() if t.task_id == task]
    instants = tuple(timer.due_at for timer in timers if timer.due_at)
    beats = dict.fromkeys(world.shelves, world.now)
    found = explain(Facts(task, world.now, docs, dict.fromkeys(docs, world.now), instants, beats))
    require(found.waiting_for not in {"", "nothing"}, "explain", "says nothing of", docs)
    rests = found.waiting_for == "operator"
    require(found.safe_actions or not rests, "explain", "offers an operator nothing:", docs)
