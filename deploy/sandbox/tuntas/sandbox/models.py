"""What callers may send, checked before anything else happens."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Url = Annotated[str, StringConstraints(max_length=500, pattern=r"^https?://[^\x00-\x20\x7f]+$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Minor = Annotated[int, Field(ge=1, le=10**13)]
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]


class Query(BaseModel):
    """Parameters of an address: text that is turned into what it stands for."""


class FlightSearch(Query):
    """``date`` is the departure's local day at the origin."""

    origin: Text
    destination: Text
    date: date
    passengers: int = Field(default=1, ge=1, le=9)
    cabin: Literal["economy", "business"] = "economy"


class HotelSearch(Query):
    """``country`` is ISO 3166 alpha-2; days are local."""

    city: Text
    country: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2}$")]
    check_in: date
    check_out: date
    rooms: int = Field(default=1, ge=1, le=5)
    guests: int = Field(default=1, ge=1, le=15)


class MealSearch(Query):
    """``items`` is ``2*nasi goreng|1*es teh``; without it each kitchen offers what it is known for. ``address`` may be ``lat,lon``."""

    address: Text
    restaurant: Text | None = None
    cuisine: Text | None = None
    items: Annotated[str, StringConstraints(max_length=400, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    deliver_at: AwareDatetime | None = None


class BasketSearch(Query):
    """``items`` is ``5 kg*beras|1 pair*shoes*nike*black*42``; ``browse`` shows what comes in sizes though none is named."""

    address: Text
    items: Annotated[str, StringConstraints(min_length=1, max_length=1500, pattern=r"^[^\x00-\x1f\x7f]+$")]
    shop: Text | None = None
    coupon: Text | None = None
    deliver_by: AwareDatetime | None = None
    refundable: bool = False
    browse: bool = False


class TableSearch(Query):
    """A table for so many at a restaurant, ``near`` a place in its city."""

    restaurant: Text
    near: Text
    at: AwareDatetime
    guests: int = Field(default=2, ge=1, le=20)


class RideSearch(Query):
    """``origin`` and ``destination`` are addresses or ``lat,lon``; without ``pickup_at`` it is as soon as may be."""

    origin: Text
    destination: Text
    pickup_at: AwareDatetime | None = None
    ride_type: Literal["bike", "car", "xl", "taxi"] | None = None
    passengers: int = Field(default=1, ge=1, le=6)


class TransferSearch(Query):
    """Money for somebody, by name, by account number, or by both; ``token`` stands for the note, and callers can't choose it."""

    recipient: Text | None = None
    account: Text | None = None
    amount_minor: int = Field(ge=1, le=10**13)
    currency: Currency
    note: Text | None = None
    token: str = ""


class RequestSearch(TransferSearch):
    """Money asked of somebody."""


class BillSearch(Query):
    """``biller`` is what the bill is for; ``token`` stands for the customer's number, and callers can't choose it."""

    biller: Text
    customer: Text
    amount_minor: int | None = Field(default=None, ge=1, le=10**13)
    currency: Currency | None = None
    token: str = ""


class BalanceSearch(Query):
    """What an instrument holds; one that is new is opened in ``currency``."""

    instrument: Text
    currency: Currency = "IDR"


class ThingSearch(Query):
    """So many of a thing, from whoever is to sell it."""

    what: Text
    seller: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,40}$")]
    count: int = Field(default=1, ge=1, le=50)


class PlaceSearch(Query):
    """Places by words, those near an address or ``lat,lon`` first."""

    q: Text
    near: Text | None = None


class RouteSearch(Query):
    """A way between two addresses or points, leaving at an instant."""

    origin: Text
    destination: Text
    mode: Literal["car", "motorbike", "walk", "transit"] = "car"
    depart_at: AwareDatetime | None = None


class TrafficSearch(Query):
    """How the traffic is at an address or point, at an instant."""

    place: Text
    at: AwareDatetime | None = None


class ByReference(Query):
    """An inquiry by the caller's own reference."""

    reference: Text


class Body(BaseModel):
    """A JSON document; unknown members are ignored."""

    model_config = ConfigDict(strict=True)


class Money(Body):
    """Integer minor units and an ISO 4217 code."""

    amount_minor: Annotated[int, Field(ge=0, le=10**13)]
    currency: Currency


class Person(Body):
    """Somebody who travels or stays."""

    name: Text


class Hold(Body):
    """Keep an offer for some time; ``people`` is called ``passengers`` for flights and ``guests`` for hotels."""

    offer_id: Text
    people: Annotated[list[Person], Field(min_length=1, max_length=15)]
    reference: Text
    callback_url: Url | None = None


class Confirm(Body):
    """Buy what is held, at the price the caller believes in; ``payee`` is whom the money is for, where it is sent to somebody."""

    reference: Text
    amount: Money
    payee: Text | None = None


class Cancel(Body):
    """Give up what is held or bought, on the terms of ``quote_id`` when there is one."""

    reference: Text
    quote_id: Text | None = None


class CancelByReference(Body):
    """Give up whatever has, or will have, this reference."""

    reference: Text
    provider: Text | None = None


class Authorize(Body):
    """Set money aside at ``instrument``."""

    reference: Text
    instrument: Text
    amount_minor: Minor
    currency: Currency
    payer: Text
    callback_url: Url | None = None


class Amount(Body):
    """How much to capture or refund, in minor units of the authorization's currency."""

    reference: Text
    amount_minor: Minor


class Reference(Body):
    """An action that needs nothing but the caller's reference."""

    reference: Text


class Nothing(Body):
    """An action that needs nothing at all."""


class Decision(Body):
    """What the payer said when asked."""

    result: Literal["approved", "denied"]


class OtherSideCancels(Body):
    """Why the provider cancels what it had confirmed."""

    reason: Text


class OtherSideMoves(Body):
    """By how many minutes the provider moves what it had confirmed; fewer than none is earlier."""

    minutes: Annotated[int, Field(ge=-1440, le=10_080)]


class Stock(Body):
    """How much there is of something, what was taken included."""

    stock_key: Text
    capacity: Annotated[int, Field(ge=0, le=1_000_000)]


class FaultMatch(Body):
    """Which requests a fault is for; what is left out matches everything."""

    model_config = ConfigDict(strict=True, extra="forbid")

    reference_prefix: Text | None = None
    provider: Text | None = None
    offer_rank: Annotated[int, Field(ge=1)] | None = None


class NewFault(Body):
    """A fault to inject; ``times`` 0 means until it is removed or its ``seconds`` of being down are over."""

    model_config = ConfigDict(strict=True, extra="forbid")

    operation: Annotated[str, StringConstraints(pattern=r"^[a-z_.*]{1,60}$")]
    kind: Literal["slow", "refuse", "lose_answer", "act_late", "answer_twice", "down", "hold_seconds", "pending"]
    match: FaultMatch = FaultMatch()
    times: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    seconds: Seconds | None = None
    code: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,60}$")] | None = None


class Plant(Body):
    """An object nobody asked for, to see whether an auditor notices."""

    kind: Literal["flight", "hotel", "authorization", "capture"]
    reference: Text = "planted:0"
    amount_minor: Minor = 100
    currency: Currency = "IDR"


class Call(BaseModel):
    """One request to a provider, complete enough to be carried out later by another process."""

    operation: str
    provider: str = ""
    object_id: str | None = None
    reference: str = ""
    key: str | None = None
    rank: int | None = None
    traceparent: str | None = None
    body: dict[str, Any] = {}


class Answer(BaseModel):
    """What the provider says: an HTTP status and a document, and which object it is about."""

    status: int
    body: dict[str, Any]
    object_id: str | None = None
    replayed: bool = False

    @property
    def done(self) -> bool:
        """Whether the provider did what was asked."""
        return self.status < 400  # noqa: PLR2004
