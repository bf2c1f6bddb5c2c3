"""Prices as dated rows, and what a call costs by them. Money here is in millionths of a unit, as `Charge` has it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_EVEN, Decimal

from pydantic import Field

from tuntas.contracts.base import Instant
from tuntas.contracts.engines import Charge, Tokens
from tuntas.contracts.money import Currency
from tuntas.kit.forms import Form


class Calendar(Form):
    """Days that count as holidays. Nothing is known of days after `until`: they are taken for working days, which is the dearer side."""

    until: date
    days: frozenset[date]


class Band(Form):
    """Hours of a day in UTC, `begins` inclusive and `ends` exclusive, at which other prices hold; `weekdays` are 0 (Monday) to 6."""

    begins: time
    ends: time
    weekdays: frozenset[int] = frozenset(range(7))
    holidays: str | None = None
    times: Decimal = Decimal(1)

    def holds(self, at: datetime, calendars: dict[str, Calendar]) -> bool:
        """Say whether an instant lies in the band; a band of working days names the calendar of its holidays."""
        calendar = calendars.get(self.holidays) if self.holidays else None
        holiday = calendar is not None and at.date() <= calendar.until and at.date() in calendar.days
        return self.begins <= at.time() < self.ends and at.weekday() in self.weekdays and not holiday


class Long(Form):
    """Prices of a call whose whole prompt has more tokens than `over`, as multiples."""

    over: int
    input_times: Decimal
    output_times: Decimal


class Price(Form):
    """What a million tokens cost from an instant on; `id` names the row in charges. Without `cached`, cached tokens cost what others do."""

    id: str = Field(max_length=200)
    since: Instant
    until: Instant | None = None
    currency: Currency
    input: Decimal = Field(ge=0)
    cached: Decimal | None = Field(default=None, ge=0)
    output: Decimal = Field(ge=0)
    bands: tuple[Band, ...] = ()
    long: Long | None = None

    def holds(self, at: datetime) -> bool:
        """Say whether the row holds at an instant."""
        return self.since <= at and (self.until is None or at < self.until)


def row_at(rows: Sequence[Price], at: datetime) -> Price | None:
    """Return the row that holds at an instant; without one a model is not called."""
    return next((row for row in rows if row.holds(at)), None)


def charge(row: Price, tokens: Tokens, begun: datetime, ended: datetime, calendars: dict[str, Calendar]) -> Charge:
    """Return what a call costs. One that runs over the edge of a band is charged at the dearer side; rounded once, half to even."""
    times = max(_band(row, at.astimezone(UTC), calendars) for at in (begun, ended))
    into, out = _long(row, tokens)
    cached = row.input if row.cached is None else row.cached
    # A price for a million tokens in units is the price of one token in millionths.
    amount = times * (into * (tokens.input * row.input + tokens.cached * cached) + out * tokens.output * row.output)
    return Charge(amount_micro=int(amount.quantize(Decimal(1), ROUND_HALF_EVEN)), currency=row.currency, price=row.id)


def _band(row: Price, at: datetime, calendars: dict[str, Calendar]) -> Decimal:
    return max((band.times for band in row.bands if band.holds(at, calendars)), default=Decimal(1))


def _long(row: Price, tokens: Tokens) -> tuple[Decimal, Decimal]:
    if row.long is None or tokens.input + tokens.cached <= row.long.over:
        return Decimal(1), Decimal(1)
    return row.long.input_times, row.long.output_times
