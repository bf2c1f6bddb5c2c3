"""Carries what was said once to the other goals that need it: where, when, who."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from tuntas.language.sentence import Draft, Sentence
from tuntas.language.stays import end_stay

TRIPS = frozenset({"flight", "train", "bus"})
ACTS = frozenset({"search", "book"})
TO_STAY = {"destination": "location", "depart_date": "check_in", "passengers": "guests"}
TO_MAP = {"origin": "origin", "destination": "destination"}
FROM_CAR = {"location": "destination", "start_date": "depart_date", "end_date": "return_date"}
CAR_TO_STAY = {"location": "location", "start_date": "check_in", "end_date": "check_out"}
TO_TRIP = {"location": "destination", "check_in": "depart_date", "guests": "passengers"}
TO_CAR = {"destination": "location", "depart_date": "start_date", "return_date": "end_date"}
FROM_STAY = {"location": "location", "check_in": "start_date", "check_out": "end_date"}
ERRAND = {"address": "address", "restaurant": "restaurant", "payment_method": "payment_method"}


def share(sentence: Sentence) -> None:
    """Lend slots from each goal to those beside it, and work out when stays end."""
    open_drafts = [d for d in sentence.drafts if d.act in ACTS]
    trips = [d for d in open_drafts if d.spec.topic in TRIPS]
    stays = [d for d in open_drafts if d.spec.topic == "hotel"]
    for stay in stays:
        visit(trips, stay)
        end_stay(stay)
        for trip in trips[:1]:
            come_back(trip, stay)
    for car in (d for d in open_drafts if d.spec.topic == "car"):
        hire(trips, stays, car)
    ways(sentence)
    errands(sentence)
    payments(sentence)


def visit(trips: list[Draft], stay: Draft) -> None:
    """A trip and a stay have place, first day and people in common."""
    for trip in trips[:1]:
        lend(trip, stay, TO_STAY)
        lend(stay, trip, TO_TRIP if "destination_station" not in trip.slots else {"check_in": "depart_date", "guests": "passengers"})
        if "nights" not in stay.slots:
            lend(trip, stay, {"return_date": "check_out"})


def hire(trips: list[Draft], stays: list[Draft], car: Draft) -> None:
    """A car is picked up where a trip ends, or where the stay is."""
    for trip in trips[:1]:
        lend(trip, car, TO_CAR)
    for stay in stays[:1]:
        lend(stay, car, FROM_STAY)
        lend(car, stay, CAR_TO_STAY)
    for trip in trips[:1]:
        lend(car, trip, FROM_CAR)


def ways(sentence: Sentence) -> None:
    """A way that is asked after without its ends is that of the trip before it: *... and how far is it*."""
    for before, way in pairwise(sentence.drafts):
        if way.spec.topic in {"distance", "route"} and not way.slots.keys() & TO_MAP.keys():
            lend(before, way, TO_MAP)


def errands(sentence: Sentence) -> None:
    """Things bought or eaten together are brought to one place and paid in one way."""
    wares = [d for d in sentence.drafts if d.spec.topic in {"shop", "food"} and d.act == "book"]
    for giver in wares:
        for taker in wares:
            if giver is not taker and giver.spec.topic == taker.spec.topic:
                lend(giver, taker, ERRAND)


def payments(sentence: Sentence) -> None:
    """One amount said for several people is each one's: *give Tom and Lisa 40 each*."""
    paid = [d for d in sentence.drafts if d.spec.topic in {"transfer", "request"}]
    for giver in paid:
        for taker in paid:
            if giver is not taker and giver.spec.topic == taker.spec.topic and giver.act == taker.act:
                lend(giver, taker, {"amount": "amount", "payment_method": "payment_method"})


def come_back(trip: Draft, stay: Draft) -> None:
    """The end of the stay is the way back: of a round trip, or where one range of dates was said for both."""
    kind, start, end = trip.slots.get("trip_type"), stay.slots.get("check_in"), stay.slots.get("check_out")
    if (kind and kind.canonical == "round_trip") or (start and end and start.span == end.span):
        lend(stay, trip, {"check_out": "return_date"})


def lend(giver: Draft, taker: Draft, slots: dict[str, str]) -> None:
    """Copy slots under the other goal's names, where it has none of its own."""
    for mine, theirs in slots.items():
        if mine in giver.slots and theirs not in taker.slots and theirs in taker.spec.slots:
            taker.slots[theirs] = replace(giver.slots[mine], slot=theirs)
