"""What the person wants: read, ask one question for what is missing, resolve; or say why it is not a task."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from tuntas.contracts.base import Document
from tuntas.contracts.gateway import TaskSubmitted
from tuntas.contracts.ids import derive
from tuntas.contracts.intent import AnswerGiven, ConversationClosed, IntentResolved, IntentUnread, QuestionAsked
from tuntas.contracts.plan import Goal
from tuntas.intent.goals import Missing, Registry, Unserved, build
from tuntas.intent.state import Conversation
from tuntas.kit.decision import Answered, Call, Context, Core, Decision, Fired, Send, Wake

READER = "reader"
NOBODY = UUID(int=0)


@dataclass(frozen=True)
class Policy:
    """How long an answer is waited for (seconds), how many questions are asked, how long reading may take (seconds)."""

    answer_seconds: float = 600.0
    questions: int = 6
    read_seconds: float = 5.0


def core(registry: Registry, policy: Policy = Policy()) -> Core[Conversation]:
    """Return the intent service's decisions over what the connectors declare."""
    reader = _Reader(registry, policy)
    return Core(
        state=Conversation,
        on={
            TaskSubmitted: reader.on_task_submitted,
            AnswerGiven: reader.on_answer_given,
            ConversationClosed: reader.on_conversation_closed,
        },
        fired=reader.on_fired,
        answered=reader.on_answered,
    )


class _Reader:
    """Handlers bound to the registry and the policy."""

    def __init__(self, registry: Registry, policy: Policy) -> None:
        self.registry, self.policy = registry, policy

    def on_task_submitted(self, state: Conversation | None, message: TaskSubmitted, context: Context) -> Decision[Conversation]:
        """Structured goals are checked against the connectors' schemas; words are read."""
        if state is not None and state.closed is None:
            return Decision(state)
        fresh = Conversation(
            person=message.person,
            instrument=message.instrument,
            travellers=message.travellers,
            tz=message.tz,
            lang=message.lang or "en",
            at=message.at,
        )
        if state is not None and state.closed is not None:
            return _end(fresh, state.closed)
        if message.utterance is not None:
            return self._read(fresh.model_copy(update={"said": (message.utterance,)}), message.lang, context)
        if fault := self._fault(message.goals):
            return _end(fresh, *fault)
        return _resolve(fresh, message.goals)

    def _fault(self, goals: Sequence[Goal]) -> tuple[str, str] | None:
        """Return the code and the reason if goals are not what the connectors serve."""
        for goal in goals:
            if self.registry.serves(goal.type) is None:
                return "unknown_goal_type", goal.type
            if faults := self.registry.faults(goal.type, goal.parameters):
                return "invalid_goal", "; ".join(faults)
        return ("invalid_goal", "goal_id repeats") if len({goal.goal_id for goal in goals}) < len(goals) else None

    def on_answer_given(self, state: Conversation | None, message: AnswerGiven, context: Context) -> Decision[Conversation]:
        """Read everything said so far again, with the answer."""
        if state is None or state.status != "asking":
            return Decision(state)
        said = state.model_copy(update={"said": (*state.said, message.text)})
        decision = self._read(said, None, context)
        return Decision(decision.state, (*decision.out, Wake("answer")))

    def on_conversation_closed(self, state: Conversation | None, message: ConversationClosed, context: Context) -> Decision[Conversation]:
        """The person cancelled before the intent was clear, or before the task itself arrived: topics have no order among them."""
        if state is None:
            return Decision(Conversation(status="closed", person=NOBODY, instrument="", tz="UTC", at=context.now, closed=message.code))
        if state.status not in {"reading", "asking"}:
            return Decision(state)
        return _end(state, message.code)

    def on_fired(self, state: Conversation | None, event: Fired, _: Context) -> Decision[Conversation]:
        """Nobody answered in time."""
        if state is None or state.status != "asking" or event.purpose != "answer":
            return Decision(state)
        return _end(state, "answer_timeout")

    def on_answered(self, state: Conversation | None, event: Answered, context: Context) -> Decision[Conversation]:
        """What the reader found."""
        if state is None or state.status != "reading":
            return Decision(state)
        if event.result is None:
            return self._read(state, state.lang, context) if event.lost and state.reads < 3 else _end(state, event.code or "unreadable")  # noqa: PLR2004
        found: Any = event.result
        state = state.model_copy(update={"goals": tuple(found["goals"]), "unread": found["unread"], "lang": found["lang"]})
        if found["out_of_scope"]:
            return _end(state, str(found["out_of_scope"]))
        return self._conclude(state, state.goals, context)

    def _conclude(self, state: Conversation, found: Sequence[Document], context: Context) -> Decision[Conversation]:
        if not found:
            return _end(state, "not_understood")
        built = build(self.registry, found, state.lang)
        if isinstance(built, Unserved):
            return _end(state, built.code, built.reason)
        if isinstance(built, Missing):
            return self._ask(state, built, context)
        return _resolve(state, built)

    def _ask(self, state: Conversation, missing: Missing, context: Context) -> Decision[Conversation]:
        if state.questions >= self.policy.questions:
            return _end(state, "not_understood", f"{missing.slot} stays open")
        until = context.now + timedelta(seconds=self.policy.answer_seconds)
        asking = state.model_copy(update={"status": "asking", "asked": missing.slot, "questions": state.questions + 1})
        return Decision(asking, (Send(QuestionAsked(slot=missing.slot, question=missing.question, until=until)), Wake("answer", until)))

    def _read(self, state: Conversation, lang: str | None, context: Context) -> Decision[Conversation]:
        reading = state.model_copy(update={"status": "reading", "reads": state.reads + 1})
        body: Document = {
            "said": list(state.said),
            "asked": state.asked,
            "at": state.at.isoformat(),
            "tz": state.tz,
            "lang": lang,
            "goals": list(state.goals),
        }
        call = Call(derive("read", context.task_id), reading.reads, "read", READER, body, self.policy.read_seconds)
        return Decision(reading, (call,))


def _resolve(state: Conversation, goals: Sequence[Goal]) -> Decision[Conversation]:
    resolved = IntentResolved(
        person=state.person,
        instrument=state.instrument,
        travellers=state.travellers,
        tz=state.tz,
        lang=state.lang,
        goals=tuple(goals),
        unread=state.unread,
    )
    return Decision(state.model_copy(update={"status": "resolved", "asked": None}), (Send(resolved),))


def _end(state: Conversation, code: str, reason: str = "") -> Decision[Conversation]:
    return Decision(state.model_copy(update={"status": "unread"}), (Send(IntentUnread(code=code, reason=reason[:400])), Wake("answer")))
