"""Which route is next follows from what the routes did of late, and from what went wrong."""

import pytest

from tuntas.engines.faults import EngineFault, Kind
from tuntas.engines.refusals import exhausted, told
from tuntas.engines.routing import OFF_SECONDS, Next, Route, after, choose

NOW, LATER = 1000.0, 1000.0 + 10


def routes(*names: str) -> list[Route]:
    return [Route(name) for name in names]


def nobody(_: Route) -> bool:
    return False


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        (Kind.TRANSIENT, Next.AGAIN, Next.OTHER),
        (Kind.BAD_OUTPUT, Next.REPAIR, Next.OTHER),
        (Kind.SILENT, Next.OTHER, Next.OTHER),
        (Kind.THROTTLED, Next.OTHER, Next.OTHER),
        (Kind.STARVED, Next.OTHER, Next.OTHER),
        (Kind.CREDENTIAL, Next.OTHER, Next.OTHER),
        (Kind.GONE, Next.OTHER, Next.OTHER),
        (Kind.TOO_LONG, Next.OTHER, Next.OTHER),
        (Kind.REFUSED, Next.STOP, Next.STOP),
        (Kind.BAD_REQUEST, Next.STOP, Next.STOP),
    ],
)
def test_what_follows_a_fault_depends_on_its_class(kind: Kind, first: Next, second: Next) -> None:
    assert (after(EngineFault(kind), 1), after(EngineFault(kind), 2)) == (first, second)


def test_the_first_open_route_of_a_policy_is_taken() -> None:
    a, b = routes("a", "b")
    assert choose([a, b], nobody, NOW, LATER).route is a
    a.heard(EngineFault(Kind.THROTTLED, wait_seconds=5), NOW)
    assert choose([a, b], nobody, NOW, LATER).route is b


def test_one_that_is_done_with_is_not_taken() -> None:
    a, b = routes("a", "b")
    assert choose([a, b], lambda route: route is a, NOW, LATER).route is b
    assert choose([a], lambda _: True, NOW, LATER).route is None


def test_if_all_are_shut_the_one_that_opens_in_time_is_waited_for() -> None:
    a, b = routes("a", "b")
    a.heard(EngineFault(Kind.THROTTLED, wait_seconds=8), NOW)
    b.heard(EngineFault(Kind.THROTTLED, wait_seconds=3), NOW)
    choice = choose([a, b], nobody, NOW, LATER)
    assert (choice.route, choice.seconds) == (b, 3.0)
    choice = choose([a, b], nobody, NOW, NOW + 2)
    assert (choice.route, choice.seconds) == (None, 3.0)


def test_a_second_pause_never_shortens_the_first() -> None:
    (a,) = routes("a")
    a.heard(EngineFault(Kind.THROTTLED, wait_seconds=60), NOW)
    a.heard(EngineFault(Kind.THROTTLED, wait_seconds=1), NOW)
    assert a.opens_at(NOW) == NOW + 60


@pytest.mark.parametrize("kind", [Kind.STARVED, Kind.CREDENTIAL, Kind.GONE])
def test_a_route_that_only_an_operator_mends_rests_long(kind: Kind) -> None:
    (a,) = routes("a")
    a.heard(EngineFault(kind), NOW)
    assert (a.opens_at(NOW), a.code) == (NOW + OFF_SECONDS, kind.value)
    a.heard(None, NOW + OFF_SECONDS)
    assert (a.opens_at(NOW), a.code) == (NOW, "")


def test_five_failures_in_a_row_open_the_breaker_and_a_probe_closes_it() -> None:
    (a,) = routes("a")
    for _ in range(5):
        assert a.opens_at(NOW) == NOW
        a.heard(EngineFault(Kind.TRANSIENT), NOW)
    assert a.opens_at(NOW) == NOW + 5
    assert a.breaker.allows(NOW + 5)
    assert a.opens_at(NOW + 5) == NOW + 10, "one probe at a time"
    a.heard(None, NOW + 6)
    assert a.opens_at(NOW + 6) == NOW + 6


@pytest.mark.parametrize("kind", [Kind.REFUSED, Kind.BAD_REQUEST, Kind.TOO_LONG])
def test_what_a_caller_causes_says_nothing_about_the_route(kind: Kind) -> None:
    (a,) = routes("a")
    for _ in range(20):
        a.heard(EngineFault(kind), NOW)
    assert a.opens_at(NOW) == NOW


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (Kind.REFUSED, "content_refused"),
        (Kind.BAD_REQUEST, "invalid_request"),
        (Kind.TOO_LONG, "context_too_long"),
        (Kind.THROTTLED, "rate_limited"),
        (Kind.STARVED, "exhausted"),
        (Kind.TRANSIENT, "exhausted"),
    ],
)
def test_a_caller_is_told_a_stable_code(kind: Kind, code: str) -> None:
    fault = EngineFault(kind, "why", 4.0)
    assert (told(fault, ()).code, told(fault, ()).wait_seconds) == (code, 4.0)
    assert exhausted([fault, fault], ()).code == code


def test_of_several_reasons_the_first_and_the_last_are_told() -> None:
    refused = exhausted([EngineFault(Kind.THROTTLED, "429"), EngineFault(Kind.SILENT), EngineFault(Kind.STARVED, "402")], ())
    assert (refused.code, refused.reason) == ("exhausted", "first throttled: 429; last starved: 402")
