"""What the engines gateway tells: every call to a language model, what it used and what it cost."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta
from pydantic import Field

from tuntas.contracts.base import Code, Contract, Message, Text, Whole
from tuntas.contracts.money import Currency
from tuntas.contracts.topics import ENGINES_EVENTS

Name = Annotated[str, Meta(max_length=64), Field(max_length=64)]
"""What a scenario or an engine is called."""


class Tokens(Contract):
    """What a call used, in disjoint buckets: `input` without `cached`, `cached` prompt tokens, `output` with thinking.

    `estimated`: counted here, because the engine did not say.
    """

    input: Whole = 0
    cached: Whole = 0
    output: Whole = 0
    estimated: bool = False


class Charge(Contract):
    """An amount in millionths of a currency's unit, and the id of the dated price row it was computed from."""

    amount_micro: Whole
    currency: Currency
    price: Annotated[str, Meta(max_length=200), Field(max_length=200)]


class EngineUsed(Message, name="engine.used", topic=ENGINES_EVENTS):
    """One attempt at one engine; keyed by the task it was made for, or by the call if it was made for none.

    `attempt` counts from 1 within `call`, so that a fallback is told as well. `outcome` is `answered` or the error's code; `charge` is
    what the engine's owner asks for, none where nothing is owed; `reference` what the scenario's reference engine would have asked.
    """

    call: UUID
    attempt: Annotated[int, Meta(ge=1), Field(ge=1)]
    scenario: Name
    engine: Name
    model: Annotated[str, Meta(max_length=128), Field(max_length=128)]
    outcome: Code
    reason: Text = ""
    tokens: Tokens = Tokens()
    charge: Charge | None = None
    reference: Charge | None = None
    milliseconds: Whole
    task: UUID | None = None
