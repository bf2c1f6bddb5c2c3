"""Whom money can be sent to and who sends bills, as every provider of this world knows them."""

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from tuntas.sandbox.places import plain
from tuntas.sandbox.problems import Refusal
from tuntas.sandbox.values import draw, shelf_price

_TELLING = 4


@dataclass(frozen=True)
class Payee:
    """Somebody with an account; ``payee_id`` says nothing of who it is."""

    payee_id: str
    name: str
    number: str
    names: frozenset[str]

    def document(self) -> dict[str, Any]:
        """What a payer is shown before anything is sent: enough to know again whom one meant, and no more."""
        return {"payee_id": self.payee_id, "name": masked(self.name), "account": f"••{self.number[-_TELLING:]}"}


@dataclass(frozen=True)
class Biller:
    """Somebody who sends bills; ``digits`` are the fewest and the most of a customer's number."""

    biller_id: str
    name: str
    sort: str
    currency: str
    digits: tuple[int, int]
    how: Literal["top-up", "bill"]
    refund_minutes: int
    refund_cents: int

    def owed(self, number: str, period: str) -> int:
        """What a customer owes for a period such as ``202611``, in minor units."""
        return shelf_price(800 + draw(self.name, number, period, below=3000), self.currency)


def masked(name: str) -> str:
    """A name of which only the beginnings of its words are readable."""
    return " ".join(f"{word[0]}{'*' * max(1, len(word) - 1)}" for word in name.split())


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    return tomllib.loads((files("tuntas.sandbox") / "data/payees.toml").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def payees() -> tuple[Payee, ...]:
    """Everybody who has an account."""
    rows = enumerate(_data()["payees"])
    return tuple(Payee(f"payee-{n:03}", row[0], row[1], frozenset(plain(name) for name in (row[0], *row[3]))) for n, row in rows)


@lru_cache(maxsize=1)
def billers() -> tuple[Biller, ...]:
    """Everybody who sends bills."""
    rows = _data()["billers"]
    return tuple(Biller(plain(row[0]).replace(" ", "-"), row[0], row[1], row[2], (row[3], row[4]), *row[5:]) for row in rows)


def payee_of(name: str | None, number: str | None) -> Payee:
    """Whom a name, an account number or both mean.

    Raises Refusal(422): unknown_recipient, ambiguous_recipient, or recipient_mismatch when the account is somebody else's.
    """
    if number:
        found = [each for each in payees() if each.number == _digits(number)]
        if found and name and plain(name) not in found[0].names:
            raise Refusal(422, "recipient_mismatch", "the account is in another name")
    else:
        found = [each for each in payees() if plain(name or "") in each.names]
    if len(found) > 1:
        raise Refusal(422, "ambiguous_recipient", "several accounts are in this name")
    if not found:
        raise Refusal(422, "unknown_recipient", "nobody has this account or name")
    return found[0]


def biller_of(sort: str, number: str, currency: str | None) -> Biller:
    """Who sends a customer with this number bills of a sort. Raises Refusal(422): unknown_biller, or unknown_customer."""
    found = [each for each in billers() if each.sort == sort and currency in (None, each.currency)]
    if not found:
        raise Refusal(422, "unknown_biller", "nobody here sends such bills")
    count = len(_digits(number))
    known = next((each for each in found if each.digits[0] <= count <= each.digits[1]), None)
    if known is None:
        raise Refusal(422, "unknown_customer", "no customer has this number")
    return known


def _digits(number: str) -> str:
    return "".join(each for each in number if each.isdigit())
