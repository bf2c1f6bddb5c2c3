"""Whole histories of the real services, drawn from seeds; `make simulate` plays many more."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.saga.mutants import MUTANTS

from tuntas.testkit.actors import Cast
from tuntas.testkit.alone import Alone
from tuntas.testkit.cast import cast as made
from tuntas.testkit.cluster import Cluster
from tuntas.testkit.grown import MARK
from tuntas.testkit.log import Violation
from tuntas.testkit.simulate import judged, shortened
from tuntas.testkit.simulator import Simulation
from tuntas.testkit.world import World

SEEDS = Path(__file__).with_name("seeds")
STAGES = [Alone, Cluster]


@pytest.fixture(scope="module")
def cast() -> Cast:
    return made()


def _kept(stage: str) -> list[int]:
    """Return the seeds that once found something at a stage, one a line after the words for what it was."""
    lines = (SEEDS / f"{stage}.txt").read_text().splitlines()
    return [int(line) for line in lines if line and not line.startswith("#")]


def _hold(cast: Cast, seeds: Iterable[int], stage: type[World]) -> None:
    for seed in seeds:
        Simulation(cast, seed, stage).run()


@pytest.mark.parametrize(("stage", "histories"), [(Alone, 60), (Cluster, 60)])
def test_every_invariant_holds_in_every_history(cast: Cast, stage: type[World], histories: int) -> None:
    _hold(cast, range(histories), stage)


@pytest.mark.parametrize("stage", STAGES)
def test_every_invariant_holds_in_the_histories_that_once_found_something(cast: Cast, stage: type[World]) -> None:
    _hold(cast, _kept(stage.__name__.lower()), stage)


@pytest.mark.parametrize("stage", STAGES)
def test_the_same_seed_is_the_same_history(cast: Cast, stage: type[World]) -> None:
    for seed in range(5):
        assert Simulation(cast, seed, stage).run().fingerprint() == Simulation(made(), seed, stage).run().fingerprint()


def test_in_some_histories_two_versions_of_a_service_work_side_by_side(cast: Cast) -> None:
    log = Simulation(cast, 12, Cluster).run().world.log
    grown = {MARK.encode() in entry.record.body for entry in log.entries if entry.record.headers["ce_source"] == "tuntas/saga"}
    assert grown == {True, False}


WANTED = {"finished", "failed", "halted", "substitute", "amend", "rehold", "repeat"}
WANTED |= {"saga.reopened", "saga.needs_attention", "cancel.answered", "execution.committed", "effect.observed"}


def test_the_histories_meet_every_outcome_and_rung(cast: Cast) -> None:
    met: set[str] = set()
    for seed in range(300):
        if met >= WANTED:
            break
        simulation = Simulation(cast, seed, Alone).run()
        met |= {entry.message.wire_type.removeprefix("tuntas.").removesuffix(".v1") for entry in simulation.world.log.entries}
        for execution in filter(None, map(simulation.world.shelves["executor"].state, simulation.tasks)):
            met |= {rung.partition(":")[0] for rung in execution.rungs} | {execution.result}
    assert met >= WANTED, WANTED - met


QUICK = ["keeps_the_money_reserved", "leaves_leftovers"]


@pytest.mark.parametrize("mutant", QUICK)
def test_a_protocol_that_is_broken_on_purpose_is_noticed(mutant: str) -> None:
    command = [sys.executable, "-m", "tests.saga.mutants", "--only", mutant, "--histories", "300", "--jobs", "1"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "1 of 1 caught"


def test_every_mutant_says_what_it_does() -> None:
    assert all(mutant.__doc__ for mutant in MUTANTS.values())


def test_a_history_that_fails_is_made_short_and_told(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tuntas.trust.holds.settling", lambda state, number, kept: state.model_copy(update={"closing": number, "kept": kept})
    )
    found = next(found for seed in range(20) if (found := judged(cast, seed, Alone)[0]))
    short = shortened(cast, found, Alone)
    assert short.invariant == found.invariant == "P15"
    assert "trust <- saga.ended" in short.told
    assert len(short.told) <= len(found.told)


def test_a_violation_names_its_seed_and_step(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuntas.trust.holds.settling", lambda state, *_: state)
    with pytest.raises(Violation, match=r"seed \d+, step \d+"):
        _hold(cast, range(20), Alone)
