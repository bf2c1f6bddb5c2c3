"""Offers, plans and steps: what a connector proposes, what the planner chose, what the executor runs."""

from typing import Annotated, Literal

from msgspec import Meta, field
from pydantic import Field

from tuntas.contracts.base import TO_THE_END, Code, Contract, Document, Instant, Term, Text, Whole
from tuntas.contracts.money import Amounts, Money
from tuntas.contracts.personal import Personal

_GOAL_ID = r"^[a-z][a-z0-9]{0,31}$"
_STEP_NAME = r"^[a-z][a-z_]{0,31}$"


class StepKind(Term):
    """The saga literature's three kinds of step."""

    COMPENSATABLE = "compensatable"
    PIVOT = "pivot"
    RETRIABLE = "retriable"


class Phase(Term):
    """How reversible a step is; plans run forward in this order (architecture, protocol item 7). A read leaves nothing to undo."""

    READ = "read"
    HOLD = "hold"
    AUTHORIZE = "authorize"
    CONFIRM = "confirm"
    PIVOT = "pivot"
    CAPTURE = "capture"


class UndoTerms(Contract):
    """What undoing costs at worst. `fee` is charged when the effect is undone before `until`; after it, all is lost.

    `partly`: it moved money, of which a part can be given back while the rest stands.
    """

    fee: Money | None = None
    until: Instant | None = None
    estimate: bool = False
    partly: bool = False


class Place(Contract):
    """A point on the map with its name: degrees of WGS 84, and the IANA time zone if it is known."""

    name: Text
    lat: Annotated[float, Meta(ge=-90, le=90), Field(ge=-90, le=90)]
    lon: Annotated[float, Meta(ge=-180, le=180), Field(ge=-180, le=180)]
    tz: str | None = None


class Window(Contract):
    """When something takes place and where it begins and ends.

    One has to be at `origin` `lead_minutes` before `start`, and is free to leave `destination` `tail_minutes` after `end`.
    """

    start: Instant
    end: Instant
    lead_minutes: Whole = 0
    tail_minutes: Whole = 0
    origin: Place | None = None
    destination: Place | None = None


class Meeting(Contract):
    """A goal whose time hangs on another's: it brings one to the other's `start`, or takes one on from its `end`."""

    goal: str
    at: Literal["start", "end"]


class Timing(Contract):
    """What a meeting comes to: be at `place` by an instant, or leave it from an instant on; `travel_seconds` is the way by map."""

    place: Place
    arrive_by: Instant | None = None
    leave_from: Instant | None = None
    travel_seconds: int | None = None


class Goal(Contract):
    """One thing wanted: a goal type that some connector declares, and parameters valid against its JSON Schema."""

    goal_id: Annotated[str, Meta(pattern=_GOAL_ID + TO_THE_END), Field(pattern=_GOAL_ID)]
    type: str
    parameters: Document
    meets: Meeting | None = None


class OfferStep(Contract):
    """One action of an offer. `acts_on` names the earlier step of the same offer whose object this one continues."""

    name: Annotated[str, Meta(pattern=_STEP_NAME + TO_THE_END), Field(pattern=_STEP_NAME)]
    action: str
    kind: StepKind
    phase: Phase
    input: Document = field(default_factory=dict)
    acts_on: str | None = None
    obliges: bool = False
    moves_money: bool = False
    undo: UndoTerms = UndoTerms()


class Offer(Contract):
    """What a provider could do, for how much, on what terms of undoing, until when. `title` and `details` are data to show.

    `window` says when and where, if others may have to meet it; `travel_seconds` how long a way takes that was asked for.
    """

    offer_id: str
    provider: str
    payee: str
    title: Text
    price: Money | None = None
    expires_at: Instant
    steps: tuple[OfferStep, ...] = ()
    details: Document = field(default_factory=dict)
    window: Window | None = None
    travel_seconds: int | None = None

    def step(self, name: str) -> OfferStep:
        """Return the step of this name; KeyError if the offer has none."""
        return next((s for s in self.steps if s.name == name), None) or _missing(name)

    def kinds(self) -> tuple[tuple[str, str, StepKind], ...]:
        """Return the offer's shape: two offers of one shape can stand in for each other in a running plan."""
        return tuple((s.name, s.action, s.kind) for s in self.steps)


def _missing(name: str) -> OfferStep:
    raise KeyError(name)


class Leg(Contract):
    """The steps that reach one goal. `offers[0]` was chosen, the others are ranked alternatives within the line's ceiling."""

    leg_id: str
    goal_type: str
    connector: str
    offers: tuple[Offer, ...]


class Step(Contract):
    """One action at one connector. `ceiling` is the most it may oblige or move; `sums` names the steps whose actual amounts it moves."""

    step_id: str
    leg_id: str
    name: str
    kind: StepKind
    phase: Phase
    needs: tuple[str, ...] = ()
    acts_on: str | None = None
    ceiling: Money | None = None
    sums: tuple[str, ...] = ()


class Plan(Contract):
    """A DAG of steps with chosen offers, alternatives, prices, and what undoing would cost at worst (`worst_undo`)."""

    task_id: str
    revision: int = 1
    person: str
    instrument: str
    goals: tuple[Goal, ...]
    legs: tuple[Leg, ...]
    steps: tuple[Step, ...]
    ceilings: Amounts
    worst_undo: Amounts = field(default_factory=dict)
    reasons: tuple[Text, ...] = ()
    travellers: tuple[Personal, ...] = ()

    def leg(self, leg_id: str) -> Leg:
        """Return the leg of this id."""
        return next(leg for leg in self.legs if leg.leg_id == leg_id)

    def step(self, step_id: str) -> Step:
        """Return the step of this id."""
        return next(step for step in self.steps if step.step_id == step_id)


class Line(Contract):
    """What an approval allows one step: payees, a ceiling, instruments, and the worst terms of undoing."""

    step_id: str
    payees: tuple[str, ...]
    ceiling: Money
    instruments: tuple[str, ...]
    worst_undo: Money | None = None


class Statement(Contract):
    """What trust signs (protocol 6). The signature is over these bytes as they were produced, so they travel unparsed."""

    tenant: str
    task_id: str
    revision: int
    plan_digest: str
    lines: tuple[Line, ...]
    ceilings: Amounts
    authorize_by: Instant
    capture_by: Instant


class Approval(Contract):
    """A signed yes to one plan's lines: the statement's JSON text, the key's id, and the Ed25519 signature in base64."""

    statement: str
    key_id: str
    signature: str


class Failure(Contract):
    """Why something did not happen: a stable code, and words for people."""

    code: Code
    reason: Text = ""
