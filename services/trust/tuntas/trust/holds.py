"""A task's hold on its person's wallet: reserved before the first effect, settled by numbered closings (protocol R16)."""

from collections.abc import Mapping

from tuntas.contracts.money import Amounts, difference
from tuntas.trust.state import Consent, Wallet


def reserve(state: Consent, ceilings: Mapping[str, int]) -> Amounts:
    """Return what a plan with these ceilings has to hold: what earlier closings kept is spent already."""
    return {currency: left for currency, left in difference(ceilings, state.kept).items() if left > 0}


def growth(state: Consent, ceilings: Mapping[str, int]) -> Amounts:
    """Return by how much a plan with these ceilings would raise the task's hold."""
    return difference(most(state.granted, reserve(state, ceilings)), state.reserved)


def asking(state: Consent, ceilings: Mapping[str, int]) -> Consent:
    """Hold what a waiting plan needs, beside the plan that may run."""
    return _held(state.model_copy(update={"asked": reserve(state, ceilings)}))


def granting(state: Consent, ceilings: Mapping[str, int]) -> Consent:
    """Hold what an approved plan needs. The hold never falls before a closing: money of the plan it replaces may be in flight."""
    return _held(state.model_copy(update={"granted": most(state.granted, reserve(state, ceilings)), "asked": {}}))


def releasing(state: Consent) -> Consent:
    """Let go of what only the waiting plan needed."""
    return _held(state.model_copy(update={"asked": {}}))


def settling(state: Consent, closing: int, kept: Amounts) -> Consent:
    """Move what a closing kept to spent, and release the hold; an older closing is not met here."""
    free = _held(state.model_copy(update={"granted": {}, "asked": {}}))
    settled = free.model_copy(update={"closing": closing, "kept": kept})
    if free.wallet is None:
        return settled
    return settled.model_copy(update={"wallet": _moved(free.wallet, "spent", free.wallet.spent, difference(kept, state.kept))})


def most(left: Mapping[str, int], right: Mapping[str, int]) -> Amounts:
    """Return the larger amount of each currency."""
    return {currency: max(left.get(currency, 0), right.get(currency, 0)) for currency in {*left, *right}}


def _held(state: Consent) -> Consent:
    wanted = most(state.granted, state.asked)
    if state.wallet is None:
        return state.model_copy(update={"reserved": wanted})
    wallet = _moved(state.wallet, "reserved", state.wallet.reserved, difference(wanted, state.reserved))
    return state.model_copy(update={"reserved": wanted, "wallet": wallet})


def _moved(wallet: Wallet, name: str, amounts: Mapping[str, int], by: Mapping[str, int]) -> Wallet:
    return wallet.model_copy(update={name: difference(amounts, {currency: -amount for currency, amount in by.items()})})
