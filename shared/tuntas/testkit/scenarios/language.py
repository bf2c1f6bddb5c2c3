"""A scenario: one saga's history and what must come of it. One line of a file is one scenario, as a JSON object."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, JsonValue, ValidationError, model_validator

from tuntas.contracts import connectors, executor, planner, saga, trust
from tuntas.contracts.base import MESSAGES, Code
from tuntas.contracts.plan import Phase, StepKind
from tuntas.contracts.topics import SHARED
from tuntas.kit.errors import ConfigurationError
from tuntas.testkit.scenarios.happenings import Happening
from tuntas.testkit.scenarios.words import Actions, Compensations, Inquiries, Length, Minor, Name, Plain, Quotes, Script, Word

SERVICES = ("executor", "saga")


class Step(Word):
    """One action at one provider and what it answers there.

    `fee` is what undoing it costs once it is done, `actual` what it really comes to, if not the offer's price. A call `takes` so long; what
    was done `lasts` so long and ends by itself.
    """

    name: Name
    kind: StepKind = StepKind.COMPENSATABLE
    phase: Phase | None = None
    needs: tuple[Name, ...] | None = None
    acts_on: Name | None = None
    fee: Minor = 0
    actual: Minor | None = None
    takes: Length = 0.1
    lasts: Length | None = None
    action: Actions = Script()
    inquiry: Inquiries = Script()
    compensation: Compensations = Script()
    quote: Quotes = Script()

    @property
    def leg(self) -> str:
        """Return the leg it belongs to; its connector has the same name."""
        return self.name.partition(".")[0]

    @property
    def part(self) -> str:
        """Return its name in the leg."""
        return self.name.rpartition(".")[2]


class Provider(Word):
    """What a provider's interface offers for resolving doubt (protocol R5); `partly`: of money that it took it gives back a part."""

    honours_keys: bool = True
    inquires: bool = True
    cancels_by_reference: bool = False
    settle: Length = 10.0
    partly: bool = False


class Offer(Word):
    """One way to do a leg: at a provider, for a price. `lasts` is until when it may be taken."""

    provider: Plain
    price: Minor = 100
    lasts: Length = 3600.0


class Approval(Word):
    """The terms of the approval, where they are not the usual ones. `fee_limit` is what undoing may cost without asking.

    `extra` are fields that a newer planner writes into the plan; `rewritten` says that somebody on the way wrote the plan's text anew.
    """

    start_by: Length = 120.0
    forward_by: Length = 600.0
    fee_limit: Minor | None = None
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    rewritten: bool = False


class Mandate(Word):
    """A person's standing consent, in minor units."""

    per_task: Minor
    budget: Minor
    undo_fee_limit: Minor | None = None


class Trust(Word):
    """Trust takes part: the plan is proposed to it. Without a mandate the person is asked."""

    mandate: Mandate | None = None


class Amendment(Word):
    """What planner (and trust) answer to a failed leg: other offers, or no. `after` so long."""

    offers: dict[str, tuple[Offer, ...]] = Field(default_factory=dict)
    denied: Code | None = None
    after: Length = 0.2


class Consent(Word):
    """What trust's row says at the end."""

    status: str
    reserved: Minor = 0
    spent: Minor = 0


class Calls(Word):
    """How often providers were called about a step."""

    action: int = 0
    inquiry: int = 0
    compensation: int = 0


def _several(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


Outcomes = dict[Name, Annotated[tuple[str, ...], BeforeValidator(_several)]]
"""By step one word, or one for each attempt."""


class Expected(Word):
    """The end. `actions`, `compensations`, `dead_letters`, `stray`, `missing` say all there may be; the rest is looked at if it is said."""

    saga: Literal["none", "open", "halting", "compensating", "needs_attention", "reopened", "completed", "compensated"]
    code: Code | None = None
    closings: tuple[Literal["completed", "compensated"], ...] | None = None
    execution: Literal["none", "running", "deciding", "amending", "finished", "failed", "halted", "stuck"] | None = None
    actions: Outcomes = Field(default_factory=dict)
    compensations: Outcomes = Field(default_factory=dict)
    receipt: Outcomes | None = None
    kept: Minor | None = None
    cancel: tuple[str, ...] | None = None
    given_up: tuple[str, ...] | None = None
    consent: Consent | None = None
    rungs: tuple[str, ...] | None = None
    undone: tuple[Name, ...] | None = None
    calls: dict[Name, Calls] = Field(default_factory=dict)
    messages: dict[str, int] = Field(default_factory=dict)
    dead_letters: tuple[str, ...] = ()
    stray: tuple[Name, ...] = ()
    missing: tuple[Name, ...] = ()


class Scenario(Word):
    """One history."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
    story: Annotated[str, Field(min_length=1, max_length=500)]
    shows: tuple[Annotated[str, Field(pattern=r"^[RP][0-9]{1,2}$")], ...] = ()
    order: Literal["sequential", "concurrent"] = "sequential"
    delivered: Literal["once", "twice"] = "once"
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    offers: dict[str, tuple[Offer, ...]] = Field(default_factory=dict)
    providers: dict[Plain, Provider] = Field(default_factory=dict)
    approval: Approval = Approval()
    trust: Trust | None = None
    amendments: tuple[Amendment, ...] = ()
    happens: tuple[Happening, ...] = ()
    expect: Expected

    def step(self, name: str) -> Step:
        """Return the step of this name."""
        return next(step for step in self.steps if step.name == name)

    @property
    def legs(self) -> tuple[str, ...]:
        """Return the legs, in order of their first steps."""
        return tuple(dict.fromkeys(step.leg for step in self.steps))

    @property
    def services(self) -> tuple[str, ...]:
        """Return the services that take part: a connector for each leg among them."""
        return (*SERVICES, *(("trust",) if self.trust else ()), *self.legs)

    def sold(self, leg: str) -> tuple[Offer, ...]:
        """Return the offers of a leg: the one that is taken first, then those that may stand in."""
        return self.offers.get(leg) or (Offer(provider=leg),)

    @property
    def sellers(self) -> dict[str, Provider]:
        """Return all providers by name."""
        offers = [offer for leg in self.legs for offer in self.sold(leg)]
        offers += [offer for amendment in self.amendments for sold in amendment.offers.values() for offer in sold]
        return {offer.provider: self.providers.get(offer.provider, Provider()) for offer in offers}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if wrong := next(_unknown(self), None):
            raise ValueError(wrong)
        return self


def _unknown(scenario: Scenario) -> Iterator[str]:
    names = [step.name for step in scenario.steps]
    if len(set(names)) < len(names):
        yield f"two steps have the same name: {', '.join(names)}"
    for step in scenario.steps:
        yield from _among("step", [*(step.needs or ()), *([step.acts_on] if step.acts_on else ())], names)
        if step.acts_on and step.acts_on in names and scenario.step(step.acts_on).leg != step.leg:
            yield f"{step.name} can act on a step of its own leg only"
    if taken := {topic.name.split(".")[1] for topic in SHARED} & {*scenario.legs}:
        yield f"no leg can have a service's name: {', '.join(sorted(taken))}"
    yield from _among("step", _steps_expected(scenario.expect), names)
    yield from _among("leg", [*scenario.offers, *(leg for each in scenario.amendments for leg in each.offers)], scenario.legs)
    yield from _among("provider", scenario.providers, scenario.sellers)
    yield from _among("message", scenario.expect.messages, _MESSAGES)
    for each in scenario.happens:
        yield from _happening(scenario, each, names)


def _steps_expected(expect: Expected) -> list[str]:
    listed = (expect.actions, expect.compensations, expect.receipt or {}, expect.calls, expect.undone or (), expect.stray, expect.missing)
    return [name for names in listed for name in names]


_OWNERS = {module.__name__ for module in (connectors, executor, planner, saga, trust)}
_MESSAGES = {name.removeprefix("tuntas.").removesuffix(".v1") for name, kind in MESSAGES.items() if kind.__module__ in _OWNERS}


def _happening(scenario: Scenario, each: Any, names: list[str]) -> Iterator[str]:
    topics = [topic.name.removeprefix("tuntas.").removesuffix(".v1") for topic in SHARED]
    topics += [f"{leg}.{kind}" for leg in scenario.legs for kind in ("commands", "events")]
    known = {"step": names, "service": scenario.services, "to": scenario.services, "provider": scenario.sellers}
    known |= {"topic": topics, "message": _MESSAGES}
    yield from _among("leg", getattr(each, "legs", ()), scenario.legs)
    for field, values in known.items():
        if (said := getattr(each, field, None)) is not None:
            yield from _among(field, [said], values)
    if each.do in {"decide", "propose"} and scenario.trust is None:
        yield f"{each.do} needs trust, which takes no part"


def _among(what: str, said: Any, known: Any) -> Iterator[str]:
    return (f"unknown {what} {word!r}; known here: {', '.join(sorted(known))}" for word in said if word not in known)


def read(path: Path) -> list[Scenario]:
    """Read a file of scenarios, one on each line.

    Raises:
        ConfigurationError: `unreadable_file`, or `bad_scenario` with the line's number, the place and what is known there.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError("unreadable_file", f"{path}: {error}") from None
    scenarios = [_line(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    twice = {s.name for s in scenarios if [t.name for t in scenarios].count(s.name) > 1}
    if twice or not scenarios:
        raise ConfigurationError("bad_scenario", f"{path}: two have the name {', '.join(sorted(twice))}" if twice else f"{path}: none")
    return scenarios


def _line(number: int, line: str) -> Scenario:
    try:
        return Scenario.model_validate_json(line)
    except ValidationError as error:
        found = error.errors(include_url=False)
        told = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'the scenario'}: {e['msg']}" for e in found)
        raise ConfigurationError("bad_scenario", f"line {number}: {told}") from None
