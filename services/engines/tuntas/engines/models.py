"""What the door takes and answers, in OpenAI's shapes. A field that is not served is refused by name, not ignored."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from tuntas.contracts.engines import Charge, EngineUsed, Tokens
from tuntas.kit.forms import Form, View

OPTIONS = ("temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed", "presence_penalty", "frequency_penalty")
"""What is passed on to a model as it is; a scenario decides these itself."""


def _encodable(text: str) -> str:
    """Return a text that can be sent on. Raises ValueError for half a character, which JSON can write and UTF-8 can't."""
    text.encode()
    return text


Words = Annotated[str, AfterValidator(_encodable)]
"""Text from outside."""


class Asking(Form):
    """A part of a request."""


class TextPart(Asking):
    """A part of a message that is text; other kinds are not served."""

    type: Literal["text"]
    text: Words


class ChatMessage(Asking):
    """One message."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Words | Annotated[list[TextPart], Field(min_length=1, max_length=100)]
    name: str | None = Field(default=None, max_length=64)

    @property
    def text(self) -> str:
        """Return the message's words."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class StreamOptions(Asking):
    """What a stream holds beside words."""

    include_usage: bool = False


class ChatRequest(Asking):
    """A chat completion: `model` is one that `/v1/models` lists, or `scenario/<name>` with one user message that is a JSON document."""

    model: Words = Field(min_length=1, max_length=200)
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=500)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    stop: Words | Annotated[list[Words], Field(max_length=4)] | None = None
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    n: Literal[1] | None = None
    user: str | None = Field(default=None, max_length=200)

    def options(self) -> dict[str, Any]:
        """Return the sampling options that were given."""
        return {name: value for name in OPTIONS if (value := getattr(self, name)) is not None}


class Usage(View):
    """Tokens as OpenAI counts them: cached ones are part of the prompt's."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: dict[str, int]


class Attempt(View):
    """One attempt at one engine, as `engine.used` tells it."""

    engine: str
    model: str
    outcome: str
    milliseconds: int
    charge: Charge | None = None


class Facts(View):
    """What is ours in an answer: the call's id, its attempts, and whether tokens were counted here because the engine did not say."""

    call: UUID
    attempts: tuple[Attempt, ...]
    estimated: bool = False


class Reply(View):
    """The assistant's message."""

    role: Literal["assistant"] = "assistant"
    content: str


class Choice(View):
    """The one choice there is."""

    index: int = 0
    message: Reply
    finish_reason: str


class ChatCompletion(View):
    """A whole answer. `model` is the one that answered."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: tuple[Choice, ...]
    usage: Usage
    tuntas: Facts


class ListedModel(View):
    """A model that can be asked now, or a scenario."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str


class ModelList(View):
    """Everything that can be asked."""

    object: Literal["list"] = "list"
    data: tuple[ListedModel, ...]


class Error(View):
    """Why there is no answer: a stable `code`, words, and OpenAI's `type`. `attempts` are those that were made."""

    code: str
    message: str
    type: str
    param: str | None = None
    attempts: tuple[Attempt, ...] = ()


class ErrorBody(View):
    """The body of every answer that is no success."""

    error: Error


def usage_of(tokens: Tokens) -> Usage:
    """Return tokens in OpenAI's shape."""
    prompt = tokens.input + tokens.cached
    details = {"cached_tokens": tokens.cached}
    return Usage(prompt_tokens=prompt, completion_tokens=tokens.output, total_tokens=prompt + tokens.output, prompt_tokens_details=details)


def attempts_of(used: tuple[EngineUsed, ...]) -> tuple[Attempt, ...]:
    """Return attempts as a caller may see them."""
    return tuple(Attempt.model_validate(each.model_dump(include=set(Attempt.model_fields))) for each in used)
