"""What the planner remembers of a task: what was asked, which quotes are open, which plans it proposed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

from msgspec import field

from tuntas.contracts.base import Contract
from tuntas.contracts.connectors import Answer, QuoteReplied
from tuntas.contracts.ids import derive
from tuntas.contracts.intent import IntentResolved
from tuntas.contracts.plan import Goal, Offer, Plan, Timing, Window

CONSIDERED = 50
"""Offers kept of one reply; they come best first, and a row must stay small."""


class Use(StrEnum):
    """What a quote is for: a leg of the plan, an answer to somebody who only asks, or how long the way to a meeting takes."""

    LEG = "leg"
    TOLD = "told"
    WAY = "way"


class Quote(Contract):
    """A question to the connector that serves a goal. `offers` is None until it is answered.

    `pinned` says that the first offer is chosen, because another goal is timed by it; `way_of` names the goal whose way is asked about.
    `asked` counts how often the question was put; `due` is when it is put again, if the last answer was a failure that passes.
    """

    goal: Goal
    connector: str
    quote_id: UUID
    use: Use = Use.LEG
    way_of: str | None = None
    timing: Timing | None = None
    offers: tuple[Offer, ...] | None = None
    answer: Answer | None = None
    pinned: bool = False
    asked: int = 1
    due: datetime | None = None

    def answered(self, reply: QuoteReplied) -> "Quote":
        """Return the quote with the reply's offers or answer."""
        return self.model_copy(update={"offers": reply.offers[:CONSIDERED], "answer": reply.answer})

    def again(self, now: datetime, pause_seconds: int) -> "Quote":
        """Return the quote as it is asked anew after a pause; its id is a new one, for a known one is answered from memory."""
        due = now + timedelta(seconds=pause_seconds * 2 ** (self.asked - 1))
        return self.model_copy(update={"quote_id": derive("quote", self.quote_id, self.asked), "asked": self.asked + 1, "due": due})

    @property
    def served(self) -> bool:
        """Whether the reply is of any use; a way that nobody knows is no reason to give up."""
        return bool({Use.LEG: self.offers, Use.TOLD: self.answer, Use.WAY: True}[self.use])


class Planning(Contract):
    """One task at the planner.

    `quotes` are those of `revision`, which is being worked at or was last proposed; `plans` are those that may be the base of the next.
    `charged` names the goals that are paid through the payment leg, `tried` the offers that failed, `amended` the epoch and revision of
    the last amendment, so that an older one is known as a repeat. `held` are goals that are asked for once it is known when the goals
    they meet take place, `until` is when the quotes must be answered, `windows` are the times that providers have moved since they were
    planned. `ranking` holds the ids of the offers, by leg, that an order is being asked for.
    """

    status: Literal["quoting", "amending", "proposed", "answered", "infeasible"]
    request: IntentResolved
    charged: tuple[str, ...] = ()
    revision: int = 0
    quotes: tuple[Quote, ...] = ()
    held: tuple[str, ...] = ()
    until: datetime | None = None
    windows: dict[str, Window] = field(default_factory=dict)
    plans: tuple[Plan, ...] = ()
    tried: tuple[str, ...] = ()
    amended: tuple[int, int] = (0, 0)
    ranking: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def gathering(self) -> bool:
        """Whether quotes are open."""
        return self.status in {"quoting", "amending"}

    def plan(self, revision: int) -> Plan | None:
        """Return the newest plan up to a revision: not every revision that was asked for became a plan."""
        return next((p for p in reversed(self.plans) if p.revision <= revision), None)

    def waiting_for(self) -> tuple[str, ...]:
        """Return the goals whose quotes are not answered."""
        return tuple(q.goal.goal_id for q in self.quotes if q.offers is None)

    def open_quote(self, reply: QuoteReplied) -> Quote | None:
        """Return the open quote that a reply answers, if its own connector sent it."""
        found = (q for q in self.quotes if self.gathering and q.offers is None)
        return next((q for q in found if (q.quote_id, q.connector) == (reply.quote_id, reply.connector)), None)

    def quoted(self, goal_id: str) -> Quote | None:
        """Return the quote for a leg of the plan."""
        return next((q for q in self.quotes if q.use is Use.LEG and q.goal.goal_id == goal_id), None)

    def quotes_for(self, use: Use) -> tuple[Quote, ...]:
        """Return the quotes for one use."""
        return tuple(q for q in self.quotes if q.use is use)

    def with_quote(self, old: Quote, new: Quote) -> "Planning":
        """Return the state with one quote replaced."""
        return self.model_copy(update={"quotes": tuple(new if q.quote_id == old.quote_id else q for q in self.quotes)})

    def open_at(self, instant: datetime | None) -> bool:
        """Whether quotes may still be answered at an instant."""
        return bool(instant and self.until and instant < self.until)

    def asking_again(self, now: datetime) -> tuple["Planning", Sequence[Quote]]:
        """Return the state with the quotes whose time has come asked anew, and these."""
        due = [q for q in self.quotes if q.due and q.due <= now]
        asked = tuple(q.model_copy(update={"due": None}) if q in due else q for q in self.quotes)
        return self.model_copy(update={"quotes": asked}), due

    @property
    def next_due(self) -> datetime | None:
        """Return when something has to be done about the quotes: one asked again, or given up."""
        return min((q.due for q in self.quotes if q.due), default=self.until)
