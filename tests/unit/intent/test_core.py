"""The intent service's decisions about order: what overtakes what."""

from uuid import uuid4

import pytest

from tuntas.contracts.gateway import TaskSubmitted
from tuntas.contracts.intent import ConversationClosed, IntentUnread
from tuntas.contracts.personal import Personal
from tuntas.intent.core import core
from tuntas.intent.state import Conversation
from tuntas.kit.registry import Registry
from tuntas.testkit.history import START, History


@pytest.fixture
def history(request: pytest.FixtureRequest) -> History[Conversation]:
    return History(core(Registry()), "intent", request.node.name)


def test_a_cancel_that_overtakes_its_task_ends_it_when_it_comes(history: History[Conversation]) -> None:
    assert history.given(ConversationClosed(code="cancelled")) == []
    words = Personal("sealed:v1:00000000-0000-0000-0000-000000000001:c2VhbGVk")
    submitted = TaskSubmitted(
        source="shop", source_id="1", reference="", person=uuid4(), instrument="wallet", tz="UTC", utterance=words, at=START
    )
    ended = history.given(submitted)
    assert ended == [IntentUnread(code="cancelled")]
    assert history.calls == []
    version = history.rows[history.task_id].fresh
    assert history.given(submitted, repeat=True) == []
    assert history.rows[history.task_id].fresh == version
