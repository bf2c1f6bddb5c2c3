"""Meals and rides, in the words of those who bring them."""

from tuntas.sandbox import meals, rides
from tuntas.sandbox.booking import Kind, world
from tuntas.sandbox.models import MealSearch, RideSearch

MEAL = Kind(
    "meal",
    "/meals/orders",
    "order_id",
    "orders",
    "people",
    "placed",
    "order_number",
    asked=MealSearch,
    search=meals.search,
    resolve=meals.resolve,
    prefix="meal",
    charge=meals.charge,
)
RIDE = Kind(
    "ride",
    "/rides/trips",
    "trip_id",
    "trips",
    "people",
    "booked",
    "driver_number",
    asked=RideSearch,
    search=rides.search,
    resolve=rides.resolve,
    prefix="trip",
    charge=rides.charge,
)
WORLD = world("instant", MEAL, RIDE)
