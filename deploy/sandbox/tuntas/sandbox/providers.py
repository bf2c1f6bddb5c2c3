"""Who sells in this world, and what each promises about repeats, questions and undoing."""

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Provider:
    """What a provider promises; ``settle_seconds`` is how long an answered request may stay invisible to inquiries."""

    provider: str
    kind: Literal["flight", "hotel", "payment", "meal", "ride", "table", "map", "basket", "transfer", "bill", "request"]
    name: str
    idempotency: Literal["key", "none"]
    inquiry: bool
    cancel_by_reference: bool
    settle_seconds: int
    webhooks: bool
    airlines: tuple[tuple[str, str], ...] = ()


NUSANTARA = Provider(
    "nusantara-air", "flight", "Nusantara Air Group", "key", True, True, 2, True, (("7N", "Nusa Biru Airways"), ("7S", "Selat Air"))
)
MERIDIAN = Provider(
    "meridian-wings", "flight", "Meridian Wings Partners", "key", True, False, 3, True, (("7M", "Meridian Wings"), ("7L", "Lotus Pacific"))
)
KITE = Provider("kite-regional", "flight", "Kite Regional", "none", True, False, 3, True, (("7K", "Kite Regional"),))
BALE = Provider("bale-stays", "hotel", "Bale Stays", "key", True, False, 3, True)
LARIK = Provider("larik-kilat", "meal", "Larik Kilat", "key", True, True, 2, True)
SATE = Provider("sate-dash", "meal", "Sate Dash", "none", True, False, 3, True)
GESIT = Provider("gesit-ride", "ride", "Gesit Ride", "key", True, True, 2, True)
OTO = Provider("oto-cab", "ride", "Oto Cab", "key", True, False, 3, True)
MEJA = Provider("meja", "table", "Meja", "key", True, True, 2, True)
TERANG = Provider("pasar-terang", "basket", "Pasar Terang", "key", True, True, 2, True)
LARIS = Provider("toko-laris", "basket", "Toko Laris", "none", True, False, 3, True)
ATLAS = Provider("atlas", "map", "Atlas", "key", False, False, 1, False)
LONTAR = Provider("lontar-pay", "payment", "Lontar Pay", "key", True, False, 2, True)
ANTAR = Provider("antar-dana", "transfer", "Antar Dana", "key", True, True, 2, True)
KILAT = Provider("kilat-dana", "transfer", "Kilat Dana", "key", True, False, 3, True)
LOKET = Provider("loket", "bill", "Loket", "key", True, False, 2, True)
TAGIH = Provider("tagih", "request", "Tagih", "key", True, True, 2, True)

_TRAVEL, _INSTANT, _SHOPS = (NUSANTARA, MERIDIAN, KITE, BALE), (LARIK, SATE, GESIT, OTO, MEJA), (TERANG, LARIS)
_MONEY = (LONTAR, ANTAR, KILAT, LOKET, TAGIH)
PROVIDERS = {each.provider: each for each in (*_TRAVEL, *_INSTANT, *_SHOPS, ATLAS, *_MONEY)}


def manifest(kinds: frozenset[str]) -> dict[str, Any]:
    """The providers of ``kinds``, as ``GET /providers`` shows them."""
    shown = [asdict(each) for each in PROVIDERS.values() if each.kind in kinds]
    for each in shown:
        each["airlines"] = [{"code": code, "name": name} for code, name in each["airlines"]]
    return {"providers": shown}


def honours_keys(provider: str) -> bool:
    """Whether ``provider`` answers a repeated idempotency key with its first answer."""
    found = PROVIDERS.get(provider)
    return found is None or found.idempotency == "key"


def binds_references(provider: str) -> bool:
    """Whether ``provider`` can cancel by the caller's reference, before or after the request arrives."""
    found = PROVIDERS.get(provider)
    return found is not None and found.cancel_by_reference
