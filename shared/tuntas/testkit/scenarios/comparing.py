"""What differs between the end that was expected and the one that was found."""

from collections.abc import Iterator, Mapping
from typing import Any

from tuntas.testkit.log import Violation
from tuntas.testkit.scenarios.findings import Findings
from tuntas.testkit.scenarios.language import Expected
from tuntas.testkit.scenarios.play import Play

_IF_SAID = ("code", "closings", "execution", "receipt", "kept", "cancel", "given_up", "rungs", "undone")
_ALWAYS = ("saga", "actions", "compensations", "dead_letters", "stray", "missing")


def differences(play: Play) -> list[str]:
    """Play a history and return what differed, each as path, what was expected, and what was found."""
    try:
        play.run()
    except Violation as found:
        return [str(found)]
    findings = Findings(play)
    return [*_compared(play.scenario.expect, findings), *findings.violations()]


def _compared(expect: Expected, findings: Findings) -> Iterator[str]:
    for name in _ALWAYS:
        yield from _differ(name, getattr(expect, name), getattr(findings, name))
    for name in _IF_SAID:
        if (said := getattr(expect, name)) is not None:
            yield from _differ(name, said, getattr(findings, name))
    if expect.consent:
        yield from _differ("consent", expect.consent.model_dump(), findings.consent)
    for step, calls in expect.calls.items():
        yield from _differ(f"calls.{step}", calls.model_dump(), findings.calls(step))
    for name, count in expect.messages.items():
        yield from _differ(f"messages.{name}", count, findings.messages(name))


def _differ(path: str, expected: Any, found: Any) -> Iterator[str]:
    if isinstance(expected, Mapping):
        for name in dict.fromkeys([*expected, *found]):
            yield from _differ(f"{path}.{name}", expected.get(name), found.get(name))
    elif not _same(expected, found):
        yield f"{path}: expected {_shown(expected)}, found {_shown(found)}"


def _same(expected: Any, found: Any) -> bool:
    """A word without a code stands for the word with any."""
    if isinstance(expected, tuple) and isinstance(found, tuple):
        return len(expected) == len(found) and all(map(_same, expected, found))
    if isinstance(expected, str) and isinstance(found, str):
        return expected in {found, found.partition(":")[0]}
    return bool(expected == found)


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "nothing"
    return "nothing" if value is None else str(value)
