"""The HTTP door: what it takes, what it publishes, what it answers."""

import asyncio
import json
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from tuntas.contracts.connectors import Outcome, StepReplied, UserAction
from tuntas.contracts.executor import StepRetry
from tuntas.contracts.gateway import MAX_SUBMISSION_BYTES, SubmissionTaken
from tuntas.contracts.ids import derive, task_id
from tuntas.contracts.intent import AnswerGiven, ConversationClosed, IntentUnread, QuestionAsked
from tuntas.contracts.planner import PlanProposed
from tuntas.contracts.saga import Receipt, SagaEnded, SagaOutcome, SagaUndo
from tuntas.contracts.trust import ApprovalAsked, MandateSet, PlanApproved, PlanDecided, Switch, TaskCancel
from tuntas.gateway import deadline, gate
from tuntas.gateway.models import TaskRequest
from tuntas.kit.errors import Transient
from tuntas.testkit.history import START

UNTIL = START + timedelta(hours=1)
WORDS = {"asker": {"person": "p-1", "travellers": ["Siti Rahma"]}, "text": "hotel in Bandung tonight"}
QUESTION = QuestionAsked(slot="city", question="Where?", until=UNTIL)
PROPOSED = PlanProposed(revision=1, plan="{}", digest="plan1", person=derive("p"), titles=("A room",), ceilings={"IDR": 5}, worst_undo={})
ASKED = ApprovalAsked(revision=1, digest="plan1", reasons=("no_mandate",), ceilings={"IDR": 5}, worst_undo={}, until=UNTIL)
APPROVED = PlanApproved.model_validate(
    {
        "revision": 1,
        "plan": "{}",
        "digest": "plan1",
        "approval": {"statement": "{}", "key_id": "k", "signature": "s"},
        "start_by": UNTIL,
        "forward_by": UNTIL,
    }
)


def ended(task: UUID, closing: int = 1) -> SagaEnded:
    receipt = Receipt(
        task_id=task,
        tenant="acme",
        closing=closing,
        outcome=SagaOutcome.COMPLETED,
        code="finished",
        effects=(),
        postings=(),
        kept={},
        rungs=(),
    )
    return SagaEnded(outcome=SagaOutcome.COMPLETED, closing=closing, code="finished", kept={"IDR": 5}, receipt=receipt)


def problem(answer: Any) -> tuple[int, str]:
    """Return status and code of a problem, which must be one in every respect."""
    document = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["status"] == answer.status_code
    assert document["type"].endswith(document["code"])
    return answer.status_code, document["code"]


async def test_a_task_is_submitted_under_the_id_that_its_key_names(house: Any) -> None:
    answer = await house.submit()
    task = task_id("acme", "http", "k-1")
    assert answer.status_code == 202
    assert (answer.json()["task_id"], answer.json()["status"]) == (str(task), "accepted")
    assert answer.headers["location"] == f"/v1/tasks/{task}"
    assert [(key, tenant, type(message)) for key, tenant, message in house.sent] == [(task, "acme", SubmissionTaken)]


async def test_words_and_names_leave_the_door_sealed(house: Any) -> None:
    assert (await house.submit(WORDS)).status_code == 202
    assert sorted(house.vault.plain) == ["Siti Rahma", "hotel in Bandung tonight"]
    sent = house.sent[0][2].model_dump_json()
    assert "Siti" not in sent
    assert "Bandung" not in sent
    assert "p-1" not in sent


async def test_the_same_key_with_the_same_body_is_the_same_task_however_it_was_written(house: Any) -> None:
    first = await house.submit()
    body = json.dumps({"goals": [{"parameters": {"city": "Bandung"}, "type": "travel.hotel_stay", "goal_id": "hotel"}]})
    body = body[:-1] + ', "asker":  {"reference": "order 7", "person": "p-1"}}'
    again = await house.call("POST", "/v1/tasks", content=body, headers={"Idempotency-Key": "k-1", "Content-Type": "application/json"})
    assert again.json() == first.json()
    assert len(house.sent) == 1


async def test_the_same_key_with_another_body_is_a_conflict(house: Any) -> None:
    await house.submit()
    assert problem(await house.submit(WORDS)) == (409, "id_reused")


async def test_what_is_published_of_a_body_confirms_no_guess_at_it(house: Any) -> None:
    await house.submit(WORDS)
    key, _, taken = house.sent[0]
    plain = TaskRequest.model_validate(WORDS).fingerprint()
    assert plain not in taken.model_dump_json()
    assert taken.digest == house.vault.keys["acme", derive("person", "acme", "p-1")](plain)
    assert house.reader.rows[key].state.digest == taken.digest


async def test_after_an_erasure_a_repeat_is_answered_with_the_task_that_has_the_id(house: Any) -> None:
    first = await house.submit(WORDS)
    await house.call("DELETE", "/v1/people/p-1")
    for body in (WORDS, None):
        again = await house.submit(body)
        assert (again.status_code, again.json()) == (202, first.json())
    assert (len(house.sent), house.vault.keys) == (1, {})


async def test_two_tenants_may_use_the_same_key(house: Any) -> None:
    first, second = await house.submit(), await house.submit(WORDS, key="brio-key")
    assert second.status_code == 202
    assert first.json()["task_id"] != second.json()["task_id"]


async def test_a_submission_whose_row_is_not_there_yet_is_pending(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "APPEAR_SECONDS", 0.01)
    house.deaf = True
    answer = await house.submit()
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"asker": {"person": "p"}}, (422, "invalid_request")),
        ({**WORDS, "goals": [{"goal_id": "a", "type": "t", "parameters": {}}]}, (422, "invalid_request")),
        ({**WORDS, "txet": "x"}, (422, "invalid_request")),
        ({"asker": {"person": "p", "tz": "Nowhere/Land"}, "text": "x"}, (422, "invalid_request")),
        ({"asker": {"person": "p\0"}, "text": "x"}, (400, "bad_body")),
        ([], (422, "invalid_request")),
    ],
)
async def test_a_body_that_does_not_fit_is_told_why(house: Any, body: Any, expected: tuple[int, str]) -> None:
    assert problem(await house.submit(body)) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"{", (400, "bad_body")),
        (b"\xff", (400, "not_utf8")),
        (b'{"asker": {"person": "\\ud800"}, "text": "x"}', (400, "bad_body")),
        (b'{"asker": {"person": "p"}, "text": NaN}', (400, "bad_body")),
        (b"[" * 5000, (400, "bad_body")),
        (b" " * (MAX_SUBMISSION_BYTES + 1), (413, "too_large")),
    ],
)
async def test_bytes_that_are_no_json_of_ours_are_refused(house: Any, content: bytes, expected: tuple[int, str]) -> None:
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    assert problem(await house.call("POST", "/v1/tasks", content=content, headers=headers)) == expected


async def test_a_body_that_grows_while_it_is_read_is_cut_off(house: Any) -> None:
    async def endless() -> Any:
        while True:
            yield b" " * 65536

    answer = await house.call("POST", "/v1/tasks", content=endless(), headers={"Idempotency-Key": "k"})
    assert problem(answer) == (413, "too_large")


async def test_a_lying_content_length_is_no_server_error(house: Any) -> None:
    answer = await house.call("POST", "/v1/tasks", content=b"{}", headers={"Idempotency-Key": "k", "Content-Length": "9" * 5000})
    assert problem(answer) == (413, "too_large")


@pytest.mark.parametrize("key", ["", "x" * 201, "k\u00e9y"])
async def test_an_idempotency_key_must_be_short_and_printable(house: Any, key: str) -> None:
    assert problem(await house.submit(headers={"Idempotency-Key": key.encode("latin-1")})) == (422, "invalid_request")


async def test_an_idempotency_key_is_needed(house: Any) -> None:
    assert problem(await house.call("POST", "/v1/tasks", json=WORDS)) == (422, "invalid_request")


@pytest.mark.parametrize("key", [None, "", "guess", "\u00e9".encode("latin-1")])
async def test_nobody_enters_without_a_key_that_is_known(house: Any, key: Any) -> None:
    headers = {"X-Api-Key": key} if key is not None else {}
    for method, path in (("GET", "/v1/tasks"), ("GET", f"/v1/tasks/{uuid4()}"), ("DELETE", "/v1/people/p"), ("GET", "/v1/tasks/x")):
        answer = await house.call(method, path, key=None, headers=headers)
        assert problem(answer) == (401, "unauthenticated")
        assert "ApiKey" in answer.headers["www-authenticate"]


async def test_another_tenants_task_is_not_there(house: Any) -> None:
    task = await house.submitted()
    for method, path in (("GET", ""), ("GET", "/events"), ("GET", "/receipt"), ("POST", "/cancel")):
        assert problem(await house.call(method, f"/v1/tasks/{task}{path}", key="brio-key")) == (404, "not_found")
    assert problem(await house.call("POST", f"/v1/tasks/{task}/approve", key="brio-key", json={"approved": True})) == (404, "not_found")
    assert problem(await house.call("POST", f"/v1/tasks/{task}/answer", key="brio-key", json={"text": "x"})) == (404, "not_found")
    assert len(house.sent) == 1


async def test_a_list_shows_the_tenants_own_tasks_page_by_page(house: Any) -> None:
    mine = {(await house.submit(idempotency=f"k-{n}")).json()["task_id"] for n in range(3)}
    await house.submit(key="brio-key")
    house.reader.rows = dict(sorted(house.reader.rows.items(), reverse=True))
    page = (await house.call("GET", "/v1/tasks?limit=2")).json()
    rest = (await house.call("GET", f"/v1/tasks?limit=2&cursor={page['next']}")).json()
    assert {t["task_id"] for t in page["tasks"] + rest["tasks"]} == mine
    assert rest["next"] is None
    assert (await house.call("GET", "/v1/tasks?status=completed")).json()["tasks"] == []
    assert len((await house.call("GET", "/v1/tasks", key="operators-key")).json()["tasks"]) == 4


@pytest.mark.parametrize(
    "query", ["status=lost", "limit=0", "limit=1000", "cursor=%00", "cursor=MjAyNg==", "cursor=\u00e9", "limit=99999999999999999999"]
)
async def test_a_bad_query_is_told(house: Any, query: str) -> None:
    assert problem(await house.call("GET", f"/v1/tasks?{query}")) == (422, "invalid_request")


async def test_a_task_shows_what_is_known_of_it(house: Any) -> None:
    task = await house.submitted()
    for message in (QUESTION, PROPOSED, ASKED):
        house.tell(task, "acme", message)
    shown = (await house.call("GET", f"/v1/tasks/{task}")).json()
    assert (shown["status"], shown["plan"]["titles"], shown["approval"]["digest"]) == ("approval_needed", ["A room"], "plan1")
    assert (shown["question"], shown["reference"], shown["seq"]) == (None, "order 7", 4)


async def test_an_answer_goes_sealed_to_the_one_who_asked(house: Any) -> None:
    task = await house.submitted()
    house.tell(task, "acme", QUESTION)
    assert (await house.call("POST", f"/v1/tasks/{task}/answer", json={"text": "Bandung"})).status_code == 202
    key, tenant, message = house.sent[-1]
    assert (key, tenant, type(message)) == (task, "acme", AnswerGiven)
    assert house.vault.plain == ["Bandung"]


async def test_without_a_question_there_is_no_answer(house: Any) -> None:
    task = await house.submitted()
    assert problem(await house.call("POST", f"/v1/tasks/{task}/answer", json={"text": "x"})) == (409, "no_question")


async def test_word_that_a_step_may_go_on_reaches_the_executor(house: Any) -> None:
    task = await house.submitted()
    house.tell(task, "acme", APPROVED)
    action = UserAction(url="https://pay.example/3ds", reason="confirm_payment", until=UNTIL)
    house.tell(
        task,
        "acme",
        StepReplied(step_id="pay", attempt=1, key=uuid4(), seq=1, outcome=Outcome.NEEDS_USER, action=action),
    )
    assert (await house.call("GET", f"/v1/tasks/{task}")).json()["steps"]["pay"]["action"]["url"] == "https://pay.example/3ds"
    assert (await house.call("POST", f"/v1/tasks/{task}/answer", json={"step": "pay"})).status_code == 202
    assert house.sent[-1][2] == StepRetry(step_id="pay")
    assert problem(await house.call("POST", f"/v1/tasks/{task}/answer", json={"step": "fly"})) == (409, "not_waiting")
    assert problem(await house.call("POST", f"/v1/tasks/{task}/answer", json={})) == (422, "invalid_request")


async def test_a_yes_is_for_the_plan_that_was_shown(house: Any) -> None:
    task = await house.submitted()
    path = f"/v1/tasks/{task}/approve"
    assert problem(await house.call("POST", path, json={"approved": True})) == (409, "no_approval")
    house.tell(task, "acme", PROPOSED)
    house.tell(task, "acme", ASKED)
    assert problem(await house.call("POST", path, json={"approved": True, "digest": "other"})) == (409, "stale_digest")
    assert (await house.call("POST", path, json={"approved": True})).status_code == 202
    decided = house.sent[-1][2]
    assert isinstance(decided, PlanDecided)
    assert (decided.digest, decided.approved, decided.by.startswith("key:")) == ("plan1", True, True)
    house.tell(task, "acme", APPROVED)
    count = len(house.sent)
    assert (await house.call("POST", path, json={"approved": True, "digest": "plan1"})).status_code == 202
    assert len(house.sent) == count


async def test_a_cancel_before_the_intent_is_clear_closes_the_conversation_too(house: Any) -> None:
    task = await house.submitted()
    assert (await house.call("POST", f"/v1/tasks/{task}/cancel")).status_code == 202
    assert [type(message) for _, _, message in house.sent[1:]] == [TaskCancel, ConversationClosed]


async def test_a_cancel_of_a_running_task_goes_to_trust_alone(house: Any) -> None:
    task = await house.submitted()
    house.tell(task, "acme", APPROVED)
    await house.call("POST", f"/v1/tasks/{task}/cancel")
    assert [type(message) for _, _, message in house.sent[1:]] == [TaskCancel]


async def test_a_task_that_ended_takes_no_orders(house: Any) -> None:
    task = await house.submitted()
    house.tell(task, "acme", IntentUnread(code="not_understood"))
    for path, body in (("cancel", None), ("approve", {"approved": True}), ("answer", {"text": "x"})):
        assert problem(await house.call("POST", f"/v1/tasks/{task}/{path}", json=body)) == (409, "ended")


async def test_goals_of_a_completed_task_are_given_up_by_the_coordinator(house: Any) -> None:
    task = await house.submitted()
    body = {"goals": ["flight"], "fee_limit": {"IDR": 500}, "version": 9}
    assert problem(await house.call("POST", f"/v1/tasks/{task}/undo", json=body)) == (409, "not_completed")
    house.tell(task, "acme", ended(task))
    assert (await house.call("POST", f"/v1/tasks/{task}/undo", json=body)).status_code == 202
    sent = house.sent[-1][2]
    assert isinstance(sent, SagaUndo)
    assert (sent.legs, sent.fee_limit, sent.expected) == (("flight",), {"IDR": 500}, 9)
    assert house.desk.acts == []  # the log is of what operators do


@pytest.mark.parametrize("body", [{}, {"goals": []}, {"goals": [""]}, {"goals": ["a"], "fee_limit": {"rupiah": 1}}, {"goals": "flight"}])
async def test_an_undo_without_goals_or_with_other_nonsense_is_refused(house: Any, body: Any) -> None:
    task = await house.submitted()
    house.tell(task, "acme", ended(task))
    assert problem(await house.call("POST", f"/v1/tasks/{task}/undo", json=body)) == (422, "invalid_request")


async def test_a_receipt_is_there_once_there_was_a_closing(house: Any) -> None:
    task = await house.submitted()
    assert problem(await house.call("GET", f"/v1/tasks/{task}/receipt")) == (404, "not_yet")
    house.tell(task, "acme", ended(task))
    receipt = (await house.call("GET", f"/v1/tasks/{task}/receipt")).json()
    assert (receipt["closing"], receipt["provisional"], receipt["outcome"]) == (1, False, "completed")


async def test_a_mandate_is_given_and_revoked_under_the_persons_id(house: Any) -> None:
    mandate = {"goal_types": ["travel.*"], "per_task": {"IDR": 5}, "budget": {"IDR": 9}, "expires_at": UNTIL.isoformat()}
    assert (await house.call("PUT", "/v1/people/p-1/mandate", json={"mandate": mandate})).status_code == 202
    assert (await house.call("DELETE", "/v1/people/p-1/mandate")).status_code == 202
    person = derive("person", "acme", "p-1")
    given, revoked = house.sent
    assert (given[0], given[2].person, given[2].mandate.per_task) == (person, person, {"IDR": 5})
    assert revoked == (person, "acme", MandateSet(person=person, mandate=None))


async def test_a_person_is_erased_for_the_callers_tenant_only(house: Any) -> None:
    assert (await house.call("DELETE", "/v1/people/p-1")).status_code == 204
    assert house.vault.erased == [("acme", derive("person", "acme", "p-1"))]


async def test_operators_repair_under_the_tasks_own_tenant(house: Any) -> None:
    task = await house.submitted()
    body = {"action": "retry", "reason": "the provider is back"}
    assert problem(await house.call("POST", f"/v1/tasks/{task}/repair", json=body)) == (403, "forbidden")
    taken = await house.call("POST", f"/v1/tasks/{task}/repair", json=body | {"expected": 7}, key="operators-key")
    assert (taken.status_code, taken.json()["state"]) == (202, "running")
    ((order, (target,), alone),) = house.desk.orders
    assert (order.action, order.reason, alone) == ("retry", "the provider is back", True)
    assert (target.task_id, target.tenant, target.expected) == (task, "acme", 7)
    missing = await house.call("POST", f"/v1/tasks/{uuid4()}/repair", json=body, key="operators-key")
    assert problem(missing) == (404, "not_found")


async def test_operators_set_switches_keyed_by_scope(house: Any) -> None:
    body = {"scope": "travel/garuda", "parked": True, "reason": "wrong prices"}
    assert problem(await house.call("POST", "/v1/switches", json=body)) == (403, "forbidden")
    assert (await house.call("POST", "/v1/switches", json=body, key="operators-key")).status_code == 202
    key, _, message = house.sent[-1]
    assert (key, message) == (
        derive("switch", "travel/garuda"),
        Switch(scope="travel/garuda", parked=True, by=message.by, reason="wrong prices"),
    )
    assert [(act.action, act.subject, act.by) for act in house.desk.acts] == [("switch.parked", "travel/garuda", message.by)]


async def test_the_callers_trace_goes_on(house: Any) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await house.submit(headers={"traceparent": parent})
    assert house.traces[0][3:35] == parent[3:35]
    await house.submit(idempotency="k-2", headers={"traceparent": "nonsense"})
    assert house.traces[1][3:35] != parent[3:35]


async def test_a_backend_that_is_away_is_told_as_such(house: Any) -> None:
    house.reader.broken = True
    answer = await house.submit()
    assert problem(answer) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("error", [Transient("conflict"), TimeoutError(), ConnectionResetError(), LookupError("a driver's own")])
async def test_whatever_a_backend_fails_with_it_is_told_as_away(house: Any, error: Exception) -> None:
    async def fail(_: UUID) -> None:
        raise error

    house.reader.task = fail
    answer = await house.call("GET", f"/v1/tasks/{uuid4()}")
    assert problem(answer) == (503, "unavailable")
    assert "driver" not in answer.text


async def test_a_backend_that_hangs_even_when_it_is_given_up_is_told_as_away_in_time(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "ANSWER_SECONDS", 0.05)
    over = asyncio.Event()

    async def hang(_: UUID) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await over.wait()

    house.reader.task = hang
    answer = await asyncio.wait_for(house.call("GET", f"/v1/tasks/{uuid4()}"), 5)
    assert problem(answer) == (503, "unavailable")
    assert answer.headers["retry-after"] == "1"
    over.set()


async def test_a_stream_that_has_begun_outlives_the_deadline(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr("tuntas.gateway.progress.GRACE_SECONDS", 0.2)
    task = await house.submitted()
    house.tell(task, "acme", IntentUnread(code="not_understood"))
    answer = await house.call("GET", f"/v1/tasks/{task}/events?until=terminal")
    assert [seq for seq, _ in events_of(answer.text)] == [1, 2]


@pytest.mark.parametrize(
    ("method", "path", "expected"), [("GET", "/v1/nothing", (404, "not_found")), ("PUT", "/v1/tasks", (405, "method_not_allowed"))]
)
async def test_an_unknown_place_is_a_problem_too(house: Any, method: str, path: str, expected: tuple[int, str]) -> None:
    assert problem(await house.call(method, path)) == expected


async def test_the_description_knows_every_route_problem_and_model(house: Any) -> None:
    schema = (await house.client.get("/v1/openapi.json")).json()
    routes = {(method, path): route for path, methods in schema["paths"].items() for method, route in methods.items()}
    assert ("post", "/v1/tasks") in routes
    for route in routes.values():
        assert {"401", "422", "503"} <= set(route["responses"])
        assert route["security"] == [{"APIKeyHeader": []}, {"HTTPBearer": []}]
    text = json.dumps(schema)
    for reference in {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}:
        assert reference in schema["components"]["schemas"], reference
    assert "HTTPValidationError" not in text


def events_of(text: str) -> list[tuple[int, str]]:
    """Read a finished stream."""
    blocks = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.strip().split("\r\n\r\n")]
    return [(int(block["id"]), block["event"]) for block in blocks if "id" in block]


async def test_a_stream_tells_each_event_once_in_order_and_ends_with_the_task(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuntas.gateway.progress.GRACE_SECONDS", 0.01)
    task = await house.submitted()
    stream = asyncio.create_task(house.call("GET", f"/v1/tasks/{task}/events?until=terminal"))
    for message in (PROPOSED, ASKED, APPROVED, ended(task)):
        await asyncio.sleep(0)
        house.tell(task, "acme", message)
    answer = await stream
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert events_of(answer.text) == [
        (1, "tuntas.task.accepted.v1"),
        (2, "tuntas.task.planned.v1"),
        (3, "tuntas.task.approval_needed.v1"),
        (4, "tuntas.task.completed.v1"),
    ]


@pytest.mark.parametrize(("last", "expected"), [(0, [1, 2]), (1, [2]), (2, []), (99, [])])
async def test_a_stream_resumes_after_the_last_event_that_was_seen(
    house: Any, monkeypatch: pytest.MonkeyPatch, last: int, expected: list[int]
) -> None:
    monkeypatch.setattr("tuntas.gateway.progress.GRACE_SECONDS", 0.01)
    task = await house.submitted()
    house.tell(task, "acme", IntentUnread(code="not_understood"))
    answer = await house.call("GET", f"/v1/tasks/{task}/events?until=terminal", headers={"Last-Event-ID": str(last)})
    assert [seq for seq, _ in events_of(answer.text)] == expected


@pytest.mark.parametrize("last", ["x", "-1", "99999999999999"])
async def test_a_last_event_id_is_a_number_of_ours(house: Any, last: str) -> None:
    task = await house.submitted()
    assert problem(await house.call("GET", f"/v1/tasks/{task}/events", headers={"Last-Event-ID": last})) == (422, "invalid_request")


async def test_many_streams_share_one_poller_which_ends_with_the_last_of_them(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuntas.gateway.progress.GRACE_SECONDS", 0.01)
    tasks = [UUID((await house.submit(idempotency=f"k-{n}")).json()["task_id"]) for n in range(20)]
    streams = [asyncio.create_task(house.call("GET", f"/v1/tasks/{t}/events?until=terminal")) for t in tasks]
    await asyncio.sleep(0)
    for task in tasks:
        house.tell(task, "acme", IntentUnread(code="not_understood"))
    answers = await asyncio.gather(*streams)
    assert all([seq for seq, _ in events_of(a.text)] == [1, 2] for a in answers)
    assert house.watch._streams == set()


async def test_streams_end_when_the_database_is_away_so_that_readers_come_back(house: Any) -> None:
    task = await house.submitted()
    found = await house.reader.task(task)
    following = house.watch.follow(task, 0, until_terminal=False, ended=found.task.ended)
    assert (await anext(following)).seq == 1
    house.reader.broken = True
    house.tell(task, "acme", QUESTION)
    assert [event async for event in following] == []
