"""What every connector must do: subclass `Conformance` in a test module that has a fixture `bench`, a `Bench` of the connector's case."""

from datetime import timedelta

import pytest

from tuntas.contracts.connectors import Outcome
from tuntas.contracts.money import Money
from tuntas.contracts.plan import Approval, Line
from tuntas.kit.connector.effects import State
from tuntas.testkit.conformance.bench import FEE, PRICE, SOON, Bench
from tuntas.testkit.conformance.parting import Parting


class Repeats:
    """The same thing twice, and things in the wrong order."""

    def test_the_same_command_twice_makes_one_object_and_the_first_answer_again(self, bench: Bench) -> None:
        bench.done("hold")
        again = bench.start("hold")
        assert [m.model_dump() for m in again] == [bench.replies("hold")[0].model_dump()]
        assert len(bench.model.things) == 1

    def test_a_repeat_while_the_call_is_out_calls_nobody(self, bench: Bench) -> None:
        bench.start("hold")
        assert bench.start("hold") == []
        assert bench.calls_of("act") == 1

    def test_the_same_key_with_another_body_is_refused_and_changes_nothing(self, bench: Bench) -> None:
        bench.done("hold")
        bench.start("hold", digest="another body")
        assert bench.replies("hold")[-1].code == "key_reused"
        assert bench.effect("hold").state is State.DONE

    def test_an_undo_that_comes_first_leaves_a_tombstone(self, bench: Bench) -> None:
        bench.undo("hold")
        assert bench.undone("hold")[-1].outcome is Outcome.UNDONE
        assert bench.undone("hold")[-1].nothing

    def test_an_action_after_its_undo_is_refused_as_compensated_and_never_called(self, bench: Bench) -> None:
        bench.undo("hold")
        bench.start("hold", attempt=1)
        reply = bench.replies("hold")[-1]
        assert (reply.outcome, reply.code, reply.attempt) == (Outcome.REFUSED, "compensated", 1)
        assert reply.seq > 0
        assert not bench.history.calls

    def test_an_expired_command_is_refused_without_a_call(self, bench: Bench) -> None:
        bench.start("hold", expires_at=bench.history.now - timedelta(seconds=1))
        assert bench.replies("hold")[-1].code == "expired"
        assert not bench.history.calls

    def test_a_command_for_a_provider_nobody_has_is_refused(self, bench: Bench) -> None:
        command = bench.command("hold")
        other = command.declaration.model_copy(update={"provider": "nobody"})
        bench.history.given(command.model_copy(update={"declaration": other}))
        assert bench.replies("hold")[-1].code == "invalid"

    def test_what_acts_on_an_object_that_is_not_held_is_refused(self, bench: Bench) -> None:
        bench.start("buy")
        assert bench.replies("buy")[-1].code == "no_object"

    def test_an_undo_repeated_after_it_is_done_gets_the_same_answer(self, bench: Bench) -> None:
        bench.done("hold")
        bench.undo("hold")
        bench.settle()
        first = bench.undone("hold")[-1]
        bench.undo("hold")
        assert bench.undone("hold")[-1] == first
        assert bench.model.alive == []

    def test_a_lower_undo_number_is_ignored(self, bench: Bench) -> None:
        bench.done("hold")
        bench.undo("hold", 2)
        bench.settle()
        assert bench.undo("hold", 1) == []


class Approvals:
    """What obliges needs a yes to exactly this (protocol 6)."""

    def _refused(self, bench: Bench, approval: Approval | None) -> str | None:
        bench.done("hold")
        bench.start("buy", approval=approval)
        assert not bench.history.calls
        return bench.replies("buy")[-1].code

    def test_without_an_approval_nothing_is_bought(self, bench: Bench) -> None:
        assert self._refused(bench, None) == "not_approved"

    def test_a_forged_approval_buys_nothing(self, bench: Bench) -> None:
        genuine = bench.approval()
        altered = genuine.statement.replace(str(PRICE.amount_minor), str(PRICE.amount_minor * 9))
        assert self._refused(bench, genuine.model_copy(update={"statement": altered})) == "forged_approval"

    def test_an_approval_by_an_unknown_key_buys_nothing(self, bench: Bench) -> None:
        assert self._refused(bench, bench.approval().model_copy(update={"key_id": "other"})) == "forged_approval"

    def test_another_tasks_approval_buys_nothing(self, bench: Bench) -> None:
        assert self._refused(bench, bench.approval(task_id="another")) == "foreign_approval"

    def test_another_tenants_approval_buys_nothing(self, bench: Bench) -> None:
        assert self._refused(bench, bench.approval(tenant="another")) == "foreign_approval"

    def test_an_approval_whose_time_is_over_buys_nothing(self, bench: Bench) -> None:
        over = bench.history.now - timedelta(seconds=1)
        assert self._refused(bench, bench.approval(authorize_by=over, capture_by=over)) == "approval_expired"

    def test_a_step_that_is_not_in_the_approval_is_not_done(self, bench: Bench) -> None:
        assert self._refused(bench, bench.approval(lines=bench.statement().lines[:1])) == "not_in_approval"

    def test_more_than_the_line_allows_is_not_spent(self, bench: Bench) -> None:
        low = Money(amount_minor=PRICE.amount_minor - 1, currency=PRICE.currency)
        assert self._refused(bench, bench.approval(lines=_lines(bench, ceiling=low))) == "amount"

    def test_another_currency_is_not_spent(self, bench: Bench) -> None:
        other = Money(amount_minor=PRICE.amount_minor, currency="USD")
        assert self._refused(bench, bench.approval(lines=_lines(bench, ceiling=other))) == "amount"

    def test_another_payee_gets_nothing(self, bench: Bench) -> None:
        assert self._refused(bench, bench.approval(lines=_lines(bench, payees=("somebody",)))) == "payee"

    def test_an_obliging_command_without_an_amount_buys_nothing(self, bench: Bench) -> None:
        bench.done("hold")
        bench.start("buy", amount=None)
        assert bench.replies("buy")[-1].code == "amount"

    def test_an_older_revision_is_stale_once_a_newer_one_was_used(self, bench: Bench) -> None:
        bench.done("hold")
        bench.start("buy", approval=bench.approval(revision=2))
        bench.answer("sold_out")
        bench.start("buy", attempt=2, approval=bench.approval(revision=1))
        assert bench.replies("buy", 2)[-1].code == "stale_approval"


def _lines(bench: Bench, **changes: object) -> tuple[Line, ...]:
    hold, buy = bench.statement().lines
    return (hold, buy.model_copy(update=changes))


class Doubt:
    """Answers that are lost, late, or never come (protocol R5)."""

    def test_a_lost_answer_is_found_by_asking(self, bench: Bench) -> None:
        bench.start("hold")
        bench.answer("lost")
        assert bench.outcome("hold") is Outcome.UNKNOWN
        bench.settle()
        assert bench.outcome("hold") is Outcome.DONE
        assert len(bench.model.things) == 1

    def test_a_request_that_never_arrived_is_sent_again_and_makes_one_object(self, bench: Bench) -> None:
        bench.start("hold")
        bench.answer("dropped")
        bench.settle()
        assert bench.outcome("hold") is Outcome.DONE
        assert len(bench.model.things) == 1

    def test_a_purchase_that_never_arrived_is_sent_again(self, bench: Bench) -> None:
        bench.done("hold")
        bench.start("buy")
        bench.answer("dropped")
        bench.settle()
        assert bench.outcome("buy") is Outcome.DONE
        assert [thing.state for thing in bench.model.things] == ["bought"]

    def test_a_request_that_is_late_within_the_settle_time_makes_one_object(self, bench: Bench) -> None:
        bench.start("hold")
        bench.answer("late", bench.case.provider.settle_seconds / 2)
        bench.settle()
        assert bench.outcome("hold") is Outcome.DONE
        assert len(bench.model.things) == 1

    def test_what_never_left_is_sent_again(self, bench: Bench) -> None:
        bench.start("hold")
        bench.answer("unsent")
        bench.settle()
        assert bench.outcome("hold") is Outcome.DONE

    def test_what_can_not_leave_is_refused_as_unavailable(self, bench: Bench) -> None:
        bench.start("hold")
        for _ in range(8):
            if bench.history.calls:
                bench.answer("unsent")
            bench.history.advance(30)
        assert bench.replies("hold")[-1].code == "unavailable"
        assert bench.model.things == []

    def test_for_someone_who_was_erased_nothing_is_done_and_nothing_repeated(self, bench: Bench) -> None:
        bench.start("hold")
        bench.answer("erased")
        reply = bench.replies("hold")[-1]
        assert (reply.outcome, reply.code) == (Outcome.REFUSED, "erased")
        bench.settle()
        assert bench.model.things == []

    def test_what_may_have_acted_is_not_called_unavailable_because_a_repeat_did_not_leave(self, bench: Bench) -> None:
        bench.start("hold")
        bench.answer("late", 10_000)
        for _ in range(8):
            while bench.history.calls:
                bench.answer("unsent" if bench.call.kind == "act" else "")
            bench.history.advance(30)
        # Without keys a repeat is sent only after the settle time has proved that the first one never arrived.
        proved = not bench.case.provider.honours_keys
        assert bench.outcome("hold") is (Outcome.REFUSED if proved else Outcome.UNKNOWN)

    def test_what_is_in_doubt_past_its_deadline_is_asked_about_until_it_is_settled_and_not_sent_again(self, bench: Bench) -> None:
        bench.start("hold")
        bench.history.now = SOON
        bench.answer("dropped")
        bench.settle()
        assert bench.outcome("hold") is Outcome.REFUSED
        assert bench.model.things == []

    def test_a_refusal_is_told_with_its_code(self, bench: Bench) -> None:
        bench.start("hold")
        bench.answer("sold_out")
        assert (bench.outcome("hold"), bench.replies("hold")[-1].code) == (Outcome.REFUSED, "sold_out")

    def test_nothing_that_is_open_is_forgotten(self, bench: Bench) -> None:
        bench.start("hold")
        for fault in ("lost", "unsent", "dropped"):
            bench.answer(fault)
            assert bench.waits() == []
            bench.history.advance(30)


class Undoing:
    """Giving back, and saying so only with evidence (protocol P7)."""

    def test_a_hold_is_given_up_free_of_charge_and_without_a_quote(self, bench: Bench) -> None:
        bench.done("hold")
        bench.undo("hold")
        assert [call.kind for call in bench.history.calls] == ["undo"]
        bench.settle()
        assert bench.undo_outcome("hold") is Outcome.UNDONE
        assert bench.model.alive == []

    def test_an_undo_during_the_call_waits_for_its_answer_and_undoes_it(self, bench: Bench) -> None:
        bench.start("hold")
        bench.undo("hold")
        assert bench.undo_outcome("hold") is Outcome.PENDING
        bench.settle()
        assert bench.undo_outcome("hold") is Outcome.UNDONE
        assert bench.model.alive == []

    def test_an_undo_of_what_is_in_doubt_finds_it_and_undoes_it(self, bench: Bench) -> None:
        bench.start("hold")
        bench.answer("lost")
        bench.undo("hold")
        bench.settle()
        assert bench.undo_outcome("hold") is Outcome.UNDONE
        assert bench.model.alive == []

    def test_an_undo_of_what_is_late_leaves_nothing_behind(self, bench: Bench) -> None:
        bench.start("hold")
        bench.answer("late", bench.case.provider.settle_seconds / 2)
        bench.undo("hold")
        bench.settle()
        assert bench.undo_outcome("hold") is Outcome.UNDONE
        assert bench.model.alive == []

    def test_undone_is_not_said_of_what_may_have_acted_because_a_repeat_did_not_leave(self, bench: Bench) -> None:
        bench.start("hold")
        bench.answer("lost")
        bench.undo("hold")
        while bench.history.calls:
            bench.answer("unsent")
        assert bench.undo_outcome("hold") is Outcome.PENDING
        bench.settle()
        assert bench.model.alive == []

    def test_a_lost_answer_to_an_undo_is_resolved_and_undone_is_said_once_the_provider_says_so(self, bench: Bench) -> None:
        bench.done("hold")
        bench.undo("hold")
        bench.answer("lost")
        assert bench.undo_outcome("hold") is not Outcome.UNDONE
        bench.settle()
        assert bench.undo_outcome("hold") is Outcome.UNDONE

    def test_an_undo_that_never_arrived_is_sent_again_with_the_same_key(self, bench: Bench) -> None:
        bench.done("hold")
        bench.undo("hold")
        first = bench.call.body["idempotency_key"]
        bench.answer("dropped")
        while not bench.calls_of("undo"):
            bench.answer() if bench.history.calls else bench.history.advance(1)
        assert bench.call.body["idempotency_key"] == first
        bench.settle()
        assert bench.model.alive == []

    def test_a_fee_above_the_limit_is_not_paid_without_asking(self, bench: Bench) -> None:
        bench.model.fee_minor = FEE
        bench.done("hold", "buy")
        bench.undo("buy", limit=FEE - 1)
        bench.settle()
        asked = bench.undone("buy")[-1]
        assert (asked.outcome, asked.code, asked.fee) == (Outcome.NEEDS_USER, "fee_above_limit", Money(amount_minor=FEE, currency="IDR"))
        assert bench.model.fees == []

    def test_a_repeat_of_an_undo_that_waits_for_a_person_keeps_the_quote_that_was_shown(self, bench: Bench) -> None:
        bench.model.fee_minor = FEE
        bench.done("hold", "buy")
        bench.undo("buy")
        bench.settle()
        shown = bench.undone("buy")[-1]
        bench.undo("buy")
        assert bench.undone("buy")[-1] == shown
        assert not bench.history.calls

    def test_a_fee_that_was_accepted_is_paid_at_the_quote_that_was_shown(self, bench: Bench) -> None:
        bench.model.fee_minor = FEE
        bench.done("hold", "buy")
        bench.undo("buy")
        bench.settle()
        bench.undo("buy", 2, accepted=bench.undone("buy")[-1].quote_id)
        bench.settle()
        assert bench.undo_outcome("buy") is Outcome.UNDONE
        assert bench.model.fees == [FEE]

    def test_a_fee_that_grew_after_it_was_accepted_is_asked_about_again(self, bench: Bench) -> None:
        bench.model.fee_minor = FEE
        bench.done("hold", "buy")
        bench.undo("buy")
        bench.settle()
        bench.model.fee_minor = 2 * FEE
        bench.undo("buy", 2, accepted=bench.undone("buy")[-1].quote_id)
        bench.settle()
        assert bench.undo_outcome("buy") is Outcome.NEEDS_USER
        assert bench.model.fees == []

    def test_a_quote_that_ran_out_is_asked_for_again_under_keys_of_its_own(self, bench: Bench) -> None:
        bench.model.fee_minor = FEE
        bench.done("hold", "buy")
        bench.undo("buy", limit=2 * FEE)
        bench.answer()
        bench.model.fee_minor = FEE + 1
        bench.settle()
        assert bench.undo_outcome("buy") is Outcome.UNDONE
        assert bench.model.fees == [FEE + 1]

    def test_a_fee_within_the_limit_is_paid_without_asking(self, bench: Bench) -> None:
        bench.model.fee_minor = FEE
        bench.done("hold", "buy")
        bench.undo("buy", limit=FEE)
        bench.settle()
        assert bench.undone("buy")[-1].fee == Money(amount_minor=FEE, currency="IDR")

    def test_a_purchase_in_doubt_is_not_given_up_at_any_price(self, bench: Bench) -> None:
        bench.model.fee_minor = FEE
        bench.done("hold")
        bench.start("buy")
        bench.answer("lost")
        bench.undo("buy")
        bench.settle()
        assert bench.undo_outcome("buy") is Outcome.NEEDS_USER
        assert bench.model.fees == []

    def test_a_hold_that_was_bought_waits_for_the_purchase_to_be_undone_and_goes_with_it(self, bench: Bench) -> None:
        bench.done("hold", "buy")
        bench.undo("hold")
        assert bench.undone("hold")[-1].code == "consumed"
        bench.undo("buy")
        bench.settle()
        assert bench.undo_outcome("hold") is Outcome.UNDONE
        assert bench.undone("hold")[-1].nothing
        assert [thing.state for thing in bench.model.things] == ["cancelled"]

    def test_a_hold_that_was_bought_says_that_it_waits_only_once(self, bench: Bench) -> None:
        bench.done("hold", "buy")
        bench.undo("hold")
        bench.settle(300)
        assert len(bench.undone("hold")) == 1

    def test_an_undo_that_knows_the_object_by_now_has_another_key_than_the_one_that_did_not(self, bench: Bench) -> None:
        if not bench.case.provider.cancels_by_reference:
            pytest.skip("it gives up nothing by reference")
        bench.start("hold")
        bench.answer("lost")
        bench.undo("hold")
        unnamed = bench.call.body
        bench.answer("dropped")
        bench.history.advance(0.6)
        bench.answer()
        named = bench.call.body
        assert (unnamed["own_reference"], bool(named["own_reference"])) == (None, True)
        assert named["idempotency_key"] != unnamed["idempotency_key"]
        bench.settle()
        assert bench.undo_outcome("hold") is Outcome.UNDONE

    def test_a_parked_provider_is_said_to_be_parked(self, bench: Bench) -> None:
        bench.done("hold")
        bench.undo("hold")
        bench.answer("parked")
        assert bench.undone("hold")[-1].code == "parked"
        bench.settle()
        assert bench.undo_outcome("hold") is Outcome.UNDONE

    def test_a_provider_that_is_let_go_and_does_not_answer_is_no_longer_said_to_be_parked(self, bench: Bench) -> None:
        bench.done("hold")
        bench.undo("hold")
        bench.answer("parked")
        bench.history.advance(2)
        bench.answer("dropped")
        assert (bench.undo_outcome("hold"), bench.undone("hold")[-1].code) == (Outcome.PENDING, None)

    def test_what_waits_for_a_person_goes_on_waiting_while_its_provider_is_parked(self, bench: Bench) -> None:
        bench.model.fee_minor = FEE
        bench.done("hold", "buy")
        bench.undo("buy")
        bench.settle()
        bench.webhook("hold")
        bench.answer("parked")
        assert bench.undo_outcome("buy") is Outcome.NEEDS_USER


class OtherSide:
    """The other side acts too (protocol R20, R21)."""

    def test_a_webhook_is_a_hint_and_the_provider_is_asked(self, bench: Bench) -> None:
        bench.done("hold")
        bench.webhook("hold")
        assert [call.kind for call in bench.history.calls] == ["inquire"]

    def test_a_webhook_twice_changes_nothing_twice(self, bench: Bench) -> None:
        bench.done("hold")
        told = len(bench.history.sent)
        bench.webhook("hold")
        bench.webhook("hold")
        bench.settle()
        assert len(bench.history.sent) == told

    def test_a_webhook_for_nothing_we_know_changes_nothing(self, bench: Bench) -> None:
        assert bench.webhook("hold") == []
        assert not bench.history.calls

    def test_a_webhook_before_the_answer_does_not_answer_twice(self, bench: Bench) -> None:
        bench.start("hold")
        bench.webhook("hold")
        bench.settle()
        assert [reply.outcome for reply in bench.replies("hold")] == [Outcome.DONE]

    def test_what_the_other_side_cancels_is_told_to_both_sides(self, bench: Bench) -> None:
        bench.done("hold", "buy")
        bench.model.end(bench.model.things[0], "cancelled", "cancelled_by_provider")
        bench.webhook("hold")
        bench.settle()
        assert (bench.outcome("buy"), bench.replies("buy")[-1].code) == (Outcome.REFUSED, "cancelled_by_provider")
        assert [m.state for m in bench.observed("buy")] == [Outcome.UNDONE]

    def test_what_the_other_side_cancels_while_it_is_undone_is_undone(self, bench: Bench) -> None:
        bench.done("hold")
        bench.model.end(bench.model.things[0], "expired", "hold_expired")
        bench.undo("hold")
        bench.settle()
        assert bench.undo_outcome("hold") is Outcome.UNDONE

    def test_a_success_after_the_undo_is_observed_and_undone_again(self, bench: Bench) -> None:
        bench.done("hold")
        bench.undo("hold")
        bench.settle()
        bench.model.things[0].state = "held"
        bench.webhook("hold")
        bench.settle()
        assert [(m.state, m.code) for m in bench.observed("hold")] == [(Outcome.DONE, "success_after_undo")]
        bench.undo("hold", 2)
        bench.settle()
        assert bench.undone("hold")[-1].number == 2
        assert bench.undo_outcome("hold") is Outcome.UNDONE
        assert bench.model.alive == []

    def test_a_repeat_of_the_old_undo_does_not_touch_what_appeared_after_it(self, bench: Bench) -> None:
        bench.done("hold")
        bench.undo("hold")
        bench.settle()
        bench.model.things[0].state = "held"
        bench.webhook("hold")
        bench.settle()
        bench.undo("hold", 1)
        assert not bench.history.calls

    def test_the_numbers_of_answers_rise(self, bench: Bench) -> None:
        bench.start("hold")
        bench.answer("lost")
        bench.settle()
        bench.undo("hold")
        bench.settle()
        replies, undos = [m.seq for m in bench.replies("hold")], [m.seq for m in bench.undone("hold")]
        assert replies == sorted(set(replies))
        assert undos == sorted(set(undos))


class Conformance(Repeats, Approvals, Doubt, Undoing, Parting, OtherSide):
    """All of it."""
