"""Shops, in their own words."""

from tuntas.sandbox import baskets
from tuntas.sandbox.booking import Kind, world
from tuntas.sandbox.models import BasketSearch

BASKET = Kind(
    "basket",
    "/baskets/orders",
    "order_id",
    "orders",
    "people",
    "placed",
    "order_number",
    asked=BasketSearch,
    search=baskets.search,
    resolve=baskets.resolve,
    prefix="bsk",
    charge=baskets.charge,
    narrow=baskets.narrow,
)
WORLD = world("shopping", BASKET)
