"""Asking all providers of a connector what they offer for a goal, or what they know; what is personal is open only here."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tuntas.contracts.base import Document
from tuntas.contracts.connectors import Answer, QuoteRequested
from tuntas.contracts.plan import Goal, Offer
from tuntas.kit.connector.local import Local
from tuntas.kit.connector.provider import Provider, Wish
from tuntas.kit.errors import Rejected
from tuntas.kit.messaging.fold import Event
from tuntas.kit.privacy import Vault
from tuntas.kit.sealing import opened

TOLD = 10
"""How many finds an answer holds."""


async def ask(providers: Mapping[str, Provider | Local], wish: Wish, otherwise: str | None) -> Document:
    """Ask providers; some offer is enough, the cheapest first. Without any, a refusal is the answer, else `otherwise`.

    Raises:
        Exception: what a provider failed with, if none had an offer and one failed other than by a refusal.
    """
    found = await asyncio.gather(*(provider.quote(wish) for provider in providers.values()), return_exceptions=True)
    offers = sorted((offer for each in found if not isinstance(each, BaseException) for offer in each), key=_price)
    code = None if offers else _why_none([each for each in found if isinstance(each, BaseException)], otherwise)
    return {"offers": [Offer.model_validate(offer.document()).document() for offer in offers], "code": code}


def _price(offer: Offer) -> tuple[str, int]:
    return (offer.price.currency, offer.price.amount_minor) if offer.price else ("", 0)


def _why_none(failures: Sequence[BaseException], otherwise: str | None) -> str | None:
    refusals = [failure.code for failure in failures if isinstance(failure, Rejected)]
    for failure in failures:
        if not isinstance(failure, Rejected):
            raise failure
    return refusals[0] if refusals else otherwise


async def wished(vault: Vault, event: Event, asked: QuoteRequested, names: Sequence[str], traceparent: str) -> Wish:
    """Return what is wished, with its personal parameters opened.

    Raises:
        Rejected: `erased` or `unsealable`.
    """
    goal = Goal.model_validate(asked.goal.document() | {"parameters": await opened(vault, event.tenant, asked.goal.parameters)})
    return Wish(
        task_id=event.task_id,
        goal=goal,
        travellers=tuple(names),
        instrument=asked.instrument,
        lang=asked.lang,
        tz=asked.tz,
        timing=asked.timing,
        traceparent=traceparent,
    )


async def told(vault: Vault, tenant: str, asked: QuoteRequested, found: Document) -> Document:
    """Return what was found as the sealed answer to a goal that only asks.

    Raises:
        Rejected: `no_person`: nobody is named whom the answer is for.
        Transient: `erased_meanwhile`.
    """
    offers = [Offer.model_validate(offer) for offer in _listed(found)[:TOLD]]
    if not offers:
        return found
    if asked.person is None:
        raise Rejected("no_person")
    shown = [offer.model_dump(mode="json", include={"title", "provider", "price", "details"}) for offer in offers]
    seal = await vault.seal(tenant, asked.person, json.dumps(shown, ensure_ascii=False, separators=(",", ":")))
    return {"answer": Answer(found=seal, travel_seconds=offers[0].travel_seconds).document()}


def _listed(found: Document) -> list[Any]:
    listed: Any = found["offers"]
    return listed if isinstance(listed, list) else []
