"""What a chaos run does follows from its seed, and leaves nothing out."""

import random
from collections import Counter

from tuntas.local.chaos.faults import MEMBERS, SESSION_SECONDS, TRANSACTION_SECONDS, freezes, kills, outages, stops
from tuntas.local.chaos.run import faults_found
from tuntas.local.platform import WORLDS
from tuntas.local.services import PACKAGES

NAMES = [*PACKAGES, *(f"{service}@{number}" for service in MEMBERS for number in (2, 3, 4))]


def test_every_process_is_killed_in_turn_and_as_many_at_random() -> None:
    planned = kills(NAMES, random.Random(1))
    assert set(NAMES) == {fault.target for fault in planned}
    assert len(planned) == 2 * len(NAMES)


def test_processes_are_stopped_for_longer_than_a_transaction_and_than_a_session_at_any_instant_and_before_a_commit() -> None:
    found = {(fault.kind, fault.seconds) for plan in (stops, freezes) for fault in plan(NAMES, random.Random(1))}
    assert found == {(kind, seconds) for kind in ("stop", "freeze") for seconds in (TRANSACTION_SECONDS, SESSION_SECONDS)}


def test_servers_and_worlds_are_cut_slowed_silenced_filled_and_crashed() -> None:
    found = Counter((fault.kind, fault.target) for fault in outages(random.Random(1)))
    for server in ("kafka", "postgres"):
        assert {kind for kind, target in found if target == server} >= {"cut", "slow", "silence", "crash", "fill"}
    assert all(found[kind, world] for kind in ("crash", "cut", "silence") for world in WORLDS)


def test_the_same_seed_strikes_in_the_same_order() -> None:
    for plan in (lambda rng: kills(NAMES, rng), lambda rng: stops(NAMES, rng), lambda rng: freezes(NAMES, rng), outages):
        assert plan(random.Random(7)) == plan(random.Random(7)) != plan(random.Random(8))


GOOD = {"open": 0, "needs_attention": 0, "left": {}, "audit": {}, "dead_letters": {"codes": {"bad_envelope": 14}}}
GOOD |= {"settles": {"saga": {"in_flight": 3, "seconds": 9.0}}, "frozen": {"in a transaction": 1}, "asked": 10}
GOOD |= {"in_flight_when_struck": 10}
AGAIN = {"changed_rows": [], "new_events": 0, "changed_effects": False, "left": {}, "audit": {}}


def test_a_report_in_order_has_nothing_wrong() -> None:
    assert faults_found(GOOD | {"replayed": AGAIN}) == []


def test_whatever_is_not_in_order_is_named() -> None:
    for wrong in (
        {"open": 1},
        {"needs_attention": 2},
        {"left": {"saga: outbox": 1}},
        {"audit": {"exit": 1}},
        {"dead_letters": {"codes": {"bad_body": 1}}},
        {"settles": {"saga": {"in_flight": 3, "seconds": 15.1}}},
        {"settles": {"kafka": {"in_flight": 3, "seconds": 45.1}}},
        {"settles": {"saga": {"in_flight": 0, "seconds": 1.0}}},
        {"frozen": {"in no transaction": 4}},
        {"in_flight_when_struck": 9},
    ):
        assert len(faults_found(GOOD | {"replayed": AGAIN} | wrong)) == 1
    for again in (
        {"changed_rows": ["saga 1"]},
        {"new_events": 1},
        {"changed_effects": True},
        {"left": {"saga: lag": 1}},
        {"audit": {"exit": 1}},
    ):
        assert len(faults_found(GOOD | {"replayed": AGAIN | again})) == 1
