"""From slots to goals: a connector's mapping fills the parameters of its goal type; what is required and missing is asked for, once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tuntas.contracts.base import Document
from tuntas.contracts.plan import Goal, Meeting
from tuntas.contracts.registry import GoalType, SlotMapping

DEFAULT_LANGUAGE = "en"


class Registry(Protocol):
    """What the connectors declare."""

    def serves(self, goal_type: str) -> tuple[str, GoalType] | None:
        """Return who serves a goal type, and its declaration."""
        ...

    def faults(self, goal_type: str, parameters: Document) -> list[str]:
        """Return what is wrong with a goal's parameters."""
        ...


@dataclass(frozen=True, slots=True)
class Missing:
    """A required parameter that nothing said fills: the slot to listen for, and the question in the person's language."""

    goal: int
    slot: str
    question: str


@dataclass(frozen=True, slots=True)
class Unserved:
    """A goal nobody can reach: `unsupported`, or `invalid_goal` with its faults."""

    code: str
    reason: str


def build(registry: Registry, found: Sequence[Document], lang: str) -> list[Goal] | Missing | Unserved:
    """Turn what was read into goals, or say the one thing that stands in the way; the first goal's first missing parameter is asked."""
    goals: list[Goal] = []
    named: dict[int, str] = {}
    for number, item in _with_returns(found):
        label, slots = str(item["label"]), item["slots"]
        served = registry.serves(label)
        if served is None:
            return Unserved("unsupported", label)
        if not isinstance(slots, dict):
            return Unserved("invalid_goal", label)
        parameters, missing = fill(served[1], slots)
        if missing is not None:
            return Missing(number, missing[0], _question(missing[1], missing[0], lang))
        if faults := registry.faults(label, parameters):
            return Unserved("invalid_goal", "; ".join(faults))
        goals.append(Goal(goal_id=_identifier(label, goals), type=label, parameters=parameters))
        named.setdefault(number, goals[-1].goal_id)
    return [_meeting(goal, found[number], named) for goal, number in zip(goals, _numbers(found), strict=True)]


def _numbers(found: Sequence[Document]) -> list[int]:
    return [number for number, _ in _with_returns(found)]


def _meeting(goal: Goal, item: Document, named: Mapping[int, str]) -> Goal:
    """Tie a goal to the one that it is said to meet: `{"goal": its place in the list, "at": "start" | "end"}`."""
    meets: Any = item.get("meets")
    if not meets or meets["goal"] not in named:
        return goal
    return goal.model_copy(update={"meets": Meeting(goal=named[meets["goal"]], at=meets["at"])})


def fill(goal_type: GoalType, slots: Mapping[str, Any]) -> tuple[Document, tuple[str, SlotMapping] | None]:
    """Fill a goal type's parameters from canonical slot values; name the first required one that stays empty."""
    parameters: Document = {}
    for name, mapping in goal_type.mapping.items():
        value = next((_at(slots[slot], mapping.path) for slot in mapping.slots if slot in slots), None)
        if value is not None:
            parameters[name] = value
        elif mapping.required and not parameters.keys() & set(mapping.unless):
            return parameters, (mapping.slots[0], mapping)
    return parameters, None


def _at(value: Any, path: str) -> Any:
    for part in filter(None, path.split(".")):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _question(mapping: SlotMapping, slot: str, lang: str) -> str:
    return mapping.ask.get(lang) or mapping.ask.get(DEFAULT_LANGUAGE) or slot.replace("_", " ") + "?"


def _identifier(label: str, goals: Sequence[Goal]) -> str:
    """Name a goal after its service, such as `flight`; a second one is `flight2`."""
    parts = label.split(".")
    name = parts[1] if len(parts) > 2 else parts[0]  # noqa: PLR2004
    taken = sum(goal.goal_id.rstrip("0123456789") == name for goal in goals)
    return name if not taken else f"{name}{taken + 1}"


def _with_returns(found: Sequence[Document]) -> list[tuple[int, Document]]:
    """Number what was read. A journey with a return date is two journeys: there, and back with origin and destination exchanged."""
    goals: list[tuple[int, Document]] = []
    for number, item in enumerate(found):
        slots = item["slots"]
        goals.append((number, item))
        if isinstance(slots, dict) and {"return_date", "origin", "destination"} <= slots.keys():
            back = slots | {"origin": slots["destination"], "destination": slots["origin"], "depart_date": slots["return_date"]}
            goals.append((number, {"label": item["label"], "slots": {k: v for k, v in back.items() if k != "return_date"}}))
    return goals
