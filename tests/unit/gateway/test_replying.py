"""What a person is told is made of the task's facts and of nothing else, with engines or without."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from tuntas.gateway.replying import Replies, facts_of
from tuntas.gateway.state import ApprovalShown, PlanShown, Question, Task
from tuntas.gateway.store import Stored
from tuntas.kit.engines import Forgone
from tuntas.language.replies import LANGUAGES, grounded, write

NOW = datetime(2026, 11, 26, tzinfo=UTC)
PLAN = PlanShown(revision=1, digest="d", titles=("CGK-DPS GA-404",), ceilings={"IDR": 296_900_000}, worst_undo={"IDR": 15_100_000})
APPROVAL = ApprovalShown(revision=1, digest="d", reasons=(), ceilings=PLAN.ceilings, worst_undo=PLAN.worst_undo, until=NOW)


def stored(status: Any, **facts: Any) -> Stored:
    return Stored(uuid4(), "acme", Task(status=status, source="http", source_id="1", **facts), NOW, NOW)


TASKS = {
    "question": stored("question", question=Question(slot="item", question="Which bill should I pay?", until=NOW)),
    "approval": stored("approval_needed", plan=PLAN, approval=APPROVAL),
    "planned": stored("planned", plan=PLAN),
    "running": stored("running", plan=PLAN),
    "done": stored("completed", titles=("CGK-DPS GA-404",), kept={"IDR": 296_900_000}, code="done"),
    "undone": stored("compensated", plan=PLAN, kept={"IDR": 15_100_000}, code="sold_out"),
    "undone for nothing": stored("compensated", plan=PLAN, code="cancelled"),
    "rejected": stored("rejected", code="over_budget"),
    "rejected, who knows why": stored("rejected", code="some_code_of_a_connector"),
    "resting": stored("needs_attention", code="undo_refused"),
    "answered": stored("answered"),
    "accepted": stored("accepted"),
    "reopened": stored("reopened"),
}


class Engine:
    """Engines that answer what they are told to, and remember what was forgone."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked, self.forgone = answer, list[Any](), list[str]()

    async def ask(self, scenario: str, document: Any, **_: Any) -> Any:
        assert scenario == "reply.write"
        self.asked.append(document)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def forgo(self, _: str, error: Forgone, __: UUID) -> None:
        self.forgone.append(error.code)


async def told(task: Stored, answer: Any = None, lang: str | None = "en") -> Any:
    engine: Any = None if answer is None else Engine(answer)
    return await Replies(engine).of(task, lang, "")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", TASKS)
async def test_every_state_has_words_in_every_language_that_hold_to_its_facts(name: str, lang: str) -> None:
    reply = await told(TASKS[name], lang=lang)
    assert (reply.lang, reply.by, reply.status) == (lang, "template", TASKS[name].task.status)
    assert reply.text
    assert "{" not in reply.text
    assert grounded(reply.text, facts_of(TASKS[name].task, lang), lang)


@pytest.mark.parametrize(
    ("name", "lang", "text"),
    [
        ("question", "en", "Which bill should I pay?"),
        (
            "approval",
            "en",
            (
                "This is the plan: CGK-DPS GA-404. It costs at most IDR 2,969,000. "
                "Undoing it later costs at most IDR 151,000. Shall I go ahead?"
            ),
        ),
        ("done", "id", "Selesai: CGK-DPS GA-404. Biayanya IDR 2.969.000."),
        ("undone", "zh", "没能办成，已全部撤销。原因：已售罄。仍然产生的费用：IDR 151,000。"),
        ("undone for nothing", "en", "It could not be done, and everything was undone. The reason: it was cancelled. It cost nothing."),
        (
            "rejected",
            "id",
            "Ini tidak bisa saya lakukan. Alasannya: biayanya melebihi anggaran. Tidak ada yang dipesan dan tidak ada yang dibayar.",
        ),
        ("rejected, who knows why", "en", "I can't do this. Nothing was booked and nothing was paid."),
    ],
)
async def test_what_is_said(name: str, lang: str, text: str) -> None:
    assert (await told(TASKS[name], lang=lang)).text == text


@pytest.mark.parametrize(("known", "asked", "spoken"), [("id", None, "id"), ("id", "zh", "zh"), (None, None, "en")])
async def test_the_language_is_the_one_asked_for_else_the_persons(known: str | None, asked: str | None, spoken: str) -> None:
    task = stored("accepted", lang=known)
    assert (await told(task, lang=asked)).lang == spoken


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("done", "All is well: your CGK-DPS GA-404 is booked. It cost IDR 2,969,000."),
        ("approval", "Shall I book CGK-DPS GA-404? It costs at most IDR 2,969,000, and undoing it IDR 151,000."),
        ("question", "Good. Which bill should I pay?"),
    ],
)
async def test_an_engines_words_are_taken_if_they_hold_to_the_facts(name: str, text: str) -> None:
    reply = await told(TASKS[name], {"text": text})
    assert (reply.by, reply.text) == ("engine", text)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("done", {"text": "Done. It cost IDR 2,969,001."}),
        ("done", {"text": "Done. It cost IDR 2,969,000. You saved 50 percent."}),
        ("done", {"text": "Done with Garuda. It cost IDR 2,969,000."}),
        ("done", {"text": "Done. It cost USD and IDR 2,969,000."}),
        ("done", {"text": "Done. It cost $ IDR 2,969,000."}),
        ("done", {"text": "Done."}),
        ("approval", {"text": "Shall I book it? It costs at most IDR 2,969,000."}),
        ("question", {"text": "What do you want?"}),
        ("done", {"text": ""}),
        ("done", {"text": "x" * 3000}),
        ("done", {"text": 7}),
        ("done", []),
        ("done", Forgone("late")),
        ("done", Forgone("away")),
    ],
)
async def test_else_the_platforms_own_words_are(name: str, answer: Any) -> None:
    engine: Any = Engine(answer)
    reply = await Replies(engine).of(TASKS[name], "en", "")
    own = write(TASKS[name].task.status, facts_of(TASKS[name].task, "en"), "en")
    assert (reply.by, reply.text) == ("template", own)
    assert len(engine.forgone) == 1


@pytest.mark.parametrize("text", ["已完成：CGK-DPS GA-404。费用为 IDR 2,969,000。感谢 Garuda。", "费用为 IDR 2,969,000，另付 5。"])
async def test_in_chinese_a_latin_word_or_a_number_that_no_fact_has_is_refused(text: str) -> None:
    assert (await told(TASKS["done"], {"text": text}, "zh")).by == "template"
