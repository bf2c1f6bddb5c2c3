"""Meals, tables and rides, in the words of those who bring, keep and drive."""

from tuntas.sandbox import meals, rides, tables
from tuntas.sandbox.booking import Kind, world
from tuntas.sandbox.models import MealSearch, RideSearch, TableSearch

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
TABLE = Kind(
    "table",
    "/tables/bookings",
    "booking_id",
    "bookings",
    "people",
    "taken",
    "table_number",
    asked=TableSearch,
    search=tables.search,
    resolve=tables.resolve,
    prefix="tbl",
)
WORLD = world("instant", MEAL, RIDE, TABLE)
