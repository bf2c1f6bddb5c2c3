"""Whether all that is open has something that will wake it (protocol P18)."""

from collections.abc import Callable, Mapping
from typing import Any

from tuntas.contracts.connectors import Outcome
from tuntas.testkit.log import require

_OPEN = frozenset({"unsent", "calling", "in_doubt", "pending", "undoing"})


def _connector_waits(state: Any, timers: frozenset[str]) -> None:
    for key, effect in state.effects.items():
        waiting = effect.state in _OPEN or (effect.undo and effect.undo.outcome is Outcome.PENDING)
        woken = effect.out or any(str(key) in purpose for purpose in timers)
        require(not waiting or woken, "P18", "nothing wakes", effect)


def _executor_waits(state: Any, timers: frozenset[str]) -> None:
    if state.status == "ended":
        return
    require(timers, "P18", "nothing wakes", state.status)
    late = [a.key for a in state.attempts if a.open and a.timer not in timers and state.status != "amending"]
    lost = {loss.key for loss in state.losses}
    require(not set(late) - lost, "P18", "no timer behind", late)


def _saga_waits(state: Any, timers: frozenset[str]) -> None:
    rests = state.status in {"completed", "compensated", "needs_attention"}
    require(rests or timers, "P18", "nothing wakes", state.status, state.waiting_for)


def _trust_waits(state: Any, timers: frozenset[str]) -> None:
    require(state.pending is None or "approval" in timers, "P18", "nothing ends the question", state.pending)


def _planner_waits(state: Any, timers: frozenset[str]) -> None:
    require(not state.gathering or "quotes" in timers, "P18", "nothing ends the quoting")


WAITS: Mapping[str, Callable[[Any, frozenset[str]], None]] = {
    "connectors": _connector_waits,
    "executor": _executor_waits,
    "saga": _saga_waits,
    "trust": _trust_waits,
    "planner": _planner_waits,
}
"""By the first part of a service's name: judges a state with the purposes of its timers."""
