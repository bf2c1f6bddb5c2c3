"""Baskets of goods: what shops would sell for a list of wishes, and how an offer is known again by its id."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from tuntas.sandbox import catalogue, offers, places
from tuntas.sandbox.catalogue import Brand, Coupon, Product, Shop, Want
from tuntas.sandbox.items import Item
from tuntas.sandbox.maps import spot_of
from tuntas.sandbox.models import BasketSearch
from tuntas.sandbox.offers import Offer, Pool
from tuntas.sandbox.places import Spot, plain
from tuntas.sandbox.problems import Refusal
from tuntas.sandbox.values import draw, shelf_price

_HOLD_MINUTES = 15
_RETURN_DAYS = 14
_FURTHEST_M = 60_000
_DEGREE = 100_000
_MOST_LINES = 12
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_WIDTHS = (2, 1, 1, 1, 4, 2)
_STOCK = {"groceries": 900, "household": 400, "gifts": 90, "electronics": 60, "clothes": 60}


@dataclass(frozen=True)
class _Line:
    """One kind of goods in a basket; ``instead_of`` is the product that was asked for if this stands in for it."""

    product: Product
    brand: Brand
    colour: str
    size: str
    milli: int
    instead_of: Product | None = None

    def each(self, shop: Shop) -> int:
        return shop.price(self.product, self.brand)

    def total(self, shop: Shop) -> int:
        return -(-self.each(shop) * self.milli // 1000)


@dataclass(frozen=True)
class _Basket:
    shop: Shop
    lines: tuple[_Line, ...]
    coupon: Coupon | None
    to: Spot

    @property
    def goods(self) -> int:
        return sum(line.total(self.shop) for line in self.lines)

    @property
    def discount(self) -> int:
        return self.goods * self.coupon.percent // 100 if self.coupon else 0

    @property
    def metres(self) -> float:
        return self.to.metres_to(self.shop.spot)

    @property
    def delivery(self) -> int:
        return shelf_price(50 + int(self.metres / 1000) * 10, self.shop.currency)

    @property
    def amount(self) -> int:
        return self.goods - self.discount + self.delivery


def wanted(text: str) -> list[Want]:
    """The list of wishes: ``5 kg*beras|1 pair*shoes*nike*black*42``, each count, unit, name, brand, colour, size.

    Raises Refusal(422, invalid): a wish without a name or with a count that is no number, or too many of them.
    """
    parts = [part.split("*") for part in text.split("|") if part.strip()]
    if not 0 < len(parts) <= _MOST_LINES:
        raise Refusal(422, "invalid", f"a basket has 1 to {_MOST_LINES} kinds of goods")
    return [_want(*part) for part in parts]


def _want(*fields: str) -> Want:
    count, name, brand, colour, size, *_ = (*fields, *[""] * 5)
    number, _, unit = count.strip().partition(" ")
    try:
        amount = Decimal(number or 1)
    except InvalidOperation:
        raise Refusal(422, "invalid", "a count is a number") from None
    if not plain(name) or not amount.is_finite() or not 0 < amount <= 1000:  # noqa: PLR2004
        raise Refusal(422, "invalid", "a wish is count*name")
    return Want(name, amount, unit, brand, colour, size)


def _exact(shop: Shop, want: Want, *, browse: bool) -> list[_Line]:
    found = [line for product in catalogue.named(want.name) for line in _variants(shop, product, want, browse=browse)]
    return sorted(found, key=lambda line: (line.total(shop), line.product.number))


def _variants(shop: Shop, product: Product, want: Want, *, browse: bool) -> list[_Line]:
    milli, size = product.milli(want.count, want.unit), catalogue.size_of(product, want.size)
    if size is None and not want.size:
        if not browse:
            raise Refusal(422, "size_missing", f"{product.name} is sold in {', '.join(product.sizes)}")
        size = product.sizes[0]
    if milli is None or size is None or product.category not in shop.sells:
        return []
    brands, colours = catalogue.brands_of(product, want.brand), catalogue.colours_of(product, want.colour)
    return [_Line(product, brand, colour, size, milli) for brand in brands for colour in colours]


def _stand_ins(shop: Shop, want: Want) -> list[_Line]:
    """The same in another brand or colour, then its kin: what a shop assistant would bring instead."""
    found: list[_Line] = []
    for product in catalogue.named(want.name):
        own = Want(want.name, want.count, want.unit, size=want.size)
        for other in (product, *catalogue.alike(product, catalogue.products())):
            near = _variants(shop, other, own, browse=not want.size)
            found += [_Line(n.product, n.brand, n.colour, n.size, n.milli, product) for n in near]
    return found


def _choices(shop: Shop, wants: list[Want], *, browse: bool) -> list[tuple[_Line, ...]]:
    """The cheapest of everything, and baskets that differ from it in one line; none if something can't even be replaced."""
    lines = [(_exact(shop, want, browse=browse), _stand_ins(shop, want)) for want in wants]
    if not all(exact or others for exact, others in lines):
        return []
    main = tuple((exact or others)[0] for exact, others in lines)
    found = [main]
    for at, (exact, others) in enumerate(lines):
        new = [line for line in others if (line.product, line.brand, line.colour) not in {(e.product, e.brand, e.colour) for e in exact}]
        found += [(*main[:at], line, *main[at + 1 :]) for line in (*exact[1:3], *new[:2])]
    return list(dict.fromkeys(found))


def _coupons(shop: Shop, lines: tuple[_Line, ...], code: str | None) -> list[Coupon | None]:
    goods = sum(line.total(shop) for line in lines)
    mine = [c for c in catalogue.coupons().values() if c.provider == shop.provider and goods >= shelf_price(c.least, shop.currency)]
    return [None, *(c for c in mine if (c.code == (code or "").upper() if c.named else True))]


def _baskets(asked: BasketSearch, issued: datetime) -> list[_Basket]:
    to, wants = spot_of(asked.address), wanted(asked.items)
    found = []
    for shop in catalogue.shops(places.cities()[plain(to.city)]):
        late = asked.deliver_by is not None and _window(shop, issued)[1] > asked.deliver_by
        if late or plain(asked.shop or "") not in plain(shop.name) or (asked.refundable and shop.terms == "final"):
            continue
        for lines in _choices(shop, wants, browse=asked.browse):
            found += [_Basket(shop, lines, coupon, to) for coupon in _coupons(shop, lines, asked.coupon)]
    near = [basket for basket in found if basket.metres <= _FURTHEST_M]
    return sorted(near, key=lambda basket: (basket.amount, basket.shop.number))


def search(asked: BasketSearch, issued: datetime) -> list[Offer]:
    """What shops would bring, cheapest first. Raises Refusal(422, unknown_place, size_missing or invalid)."""
    return [_offer(basket, rank, issued) for rank, basket in enumerate(_baskets(asked, issued), 1)]


def narrow(found: list[Offer]) -> list[Offer]:
    """Leave out what stands in for something else as long as some shop has the very thing."""
    least = min((len(_replaced(offer)) for offer in found), default=0)
    return [offer for offer in found if len(_replaced(offer)) == least]


def _replaced(offer: Offer) -> list[Any]:
    return [line for line in offer.details["items"] if line["instead_of"]]


def _window(shop: Shop, issued: datetime) -> tuple[datetime, datetime]:
    after, lasts = (timedelta(hours=hours) for hours in shop.hours)
    start = issued.replace(minute=0, second=0, microsecond=0) + after + timedelta(hours=1)
    return start, start + lasts


def _offer(basket: _Basket, rank: int, issued: datetime) -> Offer:
    shop, start = basket.shop, _window(basket.shop, issued)[0]
    at = f"{round(basket.to.lat * _DEGREE)}_{round(basket.to.lon * _DEGREE)}"
    lines = "".join(map(_written, basket.lines))
    return Offer(
        offer_id=f"b.{at}.{shop.number}.{lines}.{basket.coupon.code if basket.coupon else ''}.{rank}.{offers.issued_mark(issued)}",
        kind="basket",
        provider=shop.provider,
        rank=rank,
        units=1,
        amount_minor=basket.amount,
        currency=shop.currency,
        fee_minor=basket.amount * shop.percent // 100,
        refundable=shop.terms != "final",
        refund_until=start - timedelta(hours=1) if shop.terms == "free" else start + timedelta(days=_RETURN_DAYS),
        hold_minutes=_HOLD_MINUTES,
        price_minutes=_HOLD_MINUTES,
        starts_at=start,
        expires_at=issued + offers.LIFETIME,
        stock=_stock(basket, issued),
        details=_details(basket, issued),
    )


def _stock(basket: _Basket, issued: datetime) -> tuple[Pool, ...]:
    taken: dict[tuple[str, int], int] = {}
    for line in basket.lines:
        pool = stock_key(basket.shop, line.product, line.brand, line.colour, line.size, issued)
        size = _STOCK[line.product.category] + draw(pool, below=20)
        taken[pool, size] = taken.get((pool, size), 0) + -(-line.milli // 1000)
    goods = tuple(Pool(key, size, units) for (key, size), units in taken.items())
    coupon = basket.coupon
    return (*goods, Pool(coupon.stock_key, coupon.uses, gone="coupon_gone")) if coupon else goods


def stock_key(shop: Shop, product: Product, brand: Brand, colour: str, size: str, issued: datetime) -> str:
    """The pool of one kind of goods: shelves are filled every day."""
    parts = (shop.spot.city, shop.number, product.name, brand.name, colour, size, issued.date())
    return "/".join(plain(str(part)) for part in parts)


def _details(basket: _Basket, issued: datetime) -> dict[str, Any]:
    shop, (start, end) = basket.shop, _window(basket.shop, issued)
    return {
        "shop": shop.name,
        "items": [_shown(line, shop, issued) for line in basket.lines],
        "goods_minor": basket.goods,
        "coupon": basket.coupon.code if basket.coupon else None,
        "discount_minor": basket.discount,
        "delivery_minor": basket.delivery,
        "deliver_from": start.isoformat(),
        "deliver_until": end.isoformat(),
        "terms": shop.terms,
        "city": shop.spot.city,
    }


def _shown(line: _Line, shop: Shop, issued: datetime) -> dict[str, Any]:
    return {
        "name": line.product.name,
        "brand": line.brand.name,
        "colour": line.colour or None,
        "size": line.size or None,
        "count": line.milli / 1000 if line.milli % 1000 else line.milli // 1000,
        "unit": line.product.unit,
        "each_minor": line.each(shop),
        "total_minor": line.total(shop),
        "instead_of": line.instead_of.name if line.instead_of else None,
        "stock_key": stock_key(shop, line.product, line.brand, line.colour, line.size, issued),
    }


def _written(line: _Line) -> str:
    p, other = line.product, line.instead_of
    colour = p.colours.index(line.colour) + 1 if line.colour else 0
    size = p.sizes.index(line.size) + 1 if line.size else 0
    numbers = (p.number, p.brands.index(line.brand), colour, size, line.milli, other.number + 1 if other else 0)
    return "".join(_base36(number, width) for number, width in zip(numbers, _WIDTHS, strict=True))


def _base36(number: int, width: int) -> str:
    return "".join(_DIGITS[number // 36**at % 36] for at in reversed(range(width)))


def _read(text: str) -> _Line:
    """A line as an offer id carries it. Raises ValueError or IndexError."""
    ends = [sum(_WIDTHS[: n + 1]) for n in range(len(_WIDTHS))]
    number, brand, colour, size, milli, other = (int(text[end - width : end], 36) for end, width in zip(ends, _WIDTHS, strict=True))
    p = catalogue.products()[number]
    instead_of = catalogue.products()[other - 1] if other else None
    shade, cut = p.colours[colour - 1] if colour else "", p.sizes[size - 1] if size else ""
    return _Line(p, p.brands[brand], shade, cut, milli, instead_of)


def resolve(offer_id: str, now: datetime) -> Offer:
    """The offer that was issued under this id. Raises Refusal(422, offer_unknown)."""
    try:
        _, at, number, lines, coupon, rank, mark = offer_id.split(".")
        lat, lon = (int(part) / _DEGREE for part in at.split("_"))
        to = places.at(lat, lon)
        width = sum(_WIDTHS)
        whole = tuple(_read(lines[n : n + width]) for n in range(0, len(lines), width))
        shop = catalogue.shops(places.cities()[plain(to.city)])[int(number)]
        basket = _Basket(shop, whole, catalogue.coupons()[coupon] if coupon else None, to)
        found = _offer(basket, int(rank), offers.issued_at(mark, now))
    except (ValueError, IndexError, KeyError, OverflowError, OSError, Refusal) as error:
        raise offers.unknown() from error
    return offers.pick([found] if whole else [], offer_id)


def charge(item: Item, at: datetime) -> int | None:
    """Nothing until the courier has it, or a fee for a return in time; what is sold finally, or later, is not taken back."""
    refund = item.details["refund"]
    if not refund["allowed"] or at > datetime.fromisoformat(refund["until"]):
        return None
    return min(int(refund["fee_minor"]), item.amount_minor)
