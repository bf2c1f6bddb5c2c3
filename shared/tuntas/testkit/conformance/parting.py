"""A part of what was paid is given back, and the rest stands."""

import pytest

from tuntas.contracts.connectors import Outcome
from tuntas.contracts.money import Money
from tuntas.kit.connector.effects import State
from tuntas.testkit.conformance.bench import PRICE, Bench

PART = 70_000
"""Of what was paid, less than a half."""


class Parting:
    """Parts of a payment."""

    def test_a_part_is_given_back_once_however_often_it_is_asked_and_the_rest_stands(self, bench: Bench) -> None:
        bench.done("hold", "buy")
        bench.give_back("buy", PART)
        if not bench.case.provider.honours_keys:
            assert (bench.undone("buy")[-1].outcome, bench.undone("buy")[-1].code) == (Outcome.REFUSED, "no_partial_refund")
        else:
            bench.answer("lost")
            bench.give_back("buy", PART)
            bench.settle()
            bench.give_back("buy", PART)
            told = bench.undone("buy")[-1]
            assert (told.outcome, told.part, told.refund) == (Outcome.UNDONE, _rupiah(PART), _rupiah(PART))
            assert list(bench.model.things[0].parts.values()) == [_rupiah(PART)]
        assert (bench.effect("buy").state, len(bench.model.alive)) == (State.DONE, 1)

    def test_an_undo_after_a_part_was_given_back_gives_back_what_is_left(self, bench: Bench) -> None:
        if not bench.case.provider.honours_keys:
            pytest.skip("a part needs keys that are honoured")
        bench.done("hold", "buy")
        bench.give_back("buy", PART)
        bench.settle()
        bench.give_back("buy", PART, 2)
        bench.settle()
        assert bench.undone("buy")[-1].refund == _rupiah(2 * PART)
        bench.undo("buy", 3)
        bench.answer()
        bench.answer("lost")
        bench.settle()
        assert (bench.undo_outcome("buy"), bench.model.alive) == (Outcome.UNDONE, [])
        assert sum(each.amount_minor for each in bench.model.things[0].parts.values()) == PRICE.amount_minor

    def test_of_what_is_gone_no_part_is_given_back(self, bench: Bench) -> None:
        bench.done("hold", "buy")
        bench.undo("buy")
        bench.settle()
        bench.give_back("buy", PART, 2)
        told = bench.undone("buy")[-1]
        assert (told.number, told.outcome, told.part) == (2, Outcome.UNDONE, None)


def _rupiah(minor: int) -> Money:
    return Money(amount_minor=minor, currency=PRICE.currency)
