"""`python -m tuntas.testkit.scenarios FILE.jsonl [--only NAME] [--trace]`: 0 if all pass, 1 if some fail, 2 if the file can't be read."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tuntas.kit.errors import ConfigurationError
from tuntas.testkit.history import START
from tuntas.testkit.scenarios.comparing import differences
from tuntas.testkit.scenarios.language import Scenario, read
from tuntas.testkit.scenarios.play import Play


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a file of scenarios, print a line for each, and return the exit code."""
    parser = argparse.ArgumentParser("python -m tuntas.testkit.scenarios", description="Run saga histories (docs/scenarios.md).")
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", metavar="NAME", help="run the scenario of this name alone")
    parser.add_argument("--trace", action="store_true", help="print each history as a story: seconds, who, what")
    given = parser.parse_args(arguments)
    try:
        scenarios = _chosen(read(given.file), given.only)
    except ConfigurationError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command speaks
        return 2
    failed = sum([_run(scenario, trace=given.trace) for scenario in scenarios])
    print(f"{len(scenarios) - failed} passed, {failed} failed")  # noqa: T201 - a command speaks
    return 1 if failed else 0


def _chosen(scenarios: Sequence[Scenario], only: str | None) -> list[Scenario]:
    found = [scenario for scenario in scenarios if only in {None, scenario.name}]
    if not found:
        raise ConfigurationError("unknown_scenario", f"{only}; there are {', '.join(s.name for s in scenarios)}")
    return found


def _run(scenario: Scenario, *, trace: bool) -> bool:
    play = Play(scenario)
    wrong = differences(play)
    lines = [*(_told(play) if trace else ()), f"{'fail' if wrong else 'pass'} {scenario.name}", *(f"  {each}" for each in wrong)]
    print("\n".join(lines))  # noqa: T201 - a command speaks
    return bool(wrong)


def _told(play: Play) -> Iterator[str]:
    yield play.scenario.story
    for at, who, what in play.story:
        yield f"{(at - START).total_seconds():10.3f}  {who or '*':<10} {what}"


if __name__ == "__main__":
    sys.exit(main())
