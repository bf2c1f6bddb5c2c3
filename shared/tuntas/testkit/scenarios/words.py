"""The small words of the language: lengths of time, names, and what a provider answers to one call."""

import re
from typing import Annotated, Any, LiteralString, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


def _wrong(template: LiteralString, **told: str) -> NoReturn:
    raise PydanticCustomError("unknown_word", template, told)


def _length(text: Any) -> float:
    found = _LENGTH.fullmatch(text) if isinstance(text, str) else None
    if not found:
        _wrong("{text} is no length of time: it is a number with ms, s, m or h, such as 150ms", text=repr(text))
    return float(found[1]) * _SECONDS[found[2]]


Length = Annotated[float, BeforeValidator(_length)]
"""A length of time in seconds; written `150ms`, `2s`, `5m`, `1h`."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,31}(\.[a-z][a-z_]{0,31})?$")]
"""A step: `leg.part`, or `leg` alone for a leg of one step."""

Plain = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
"""The name of a provider or a service."""

Minor = Annotated[int, Field(ge=0)]
"""An amount in minor units."""


class Word(BaseModel):
    """A part of a scenario. A word that it does not know is an error that names those it knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known(cls, given: Any) -> Any:
        for word in given if isinstance(given, dict) else ():
            if word not in cls.model_fields:
                _wrong("unknown word {word}; known here: {known}", word=repr(word), known=", ".join(cls.model_fields))
        return given


class Answer(BaseModel):
    """What comes of one call: a word, and after a colon its detail."""

    model_config = ConfigDict(frozen=True)

    word: str
    detail: str = ""

    @property
    def seconds(self) -> float | None:
        """Return the detail, which is in milliseconds, as seconds; none if there is none."""
        return int(self.detail) / 1000 if self.detail else None


_CODE, _MS, _NONE, _DONE = r"(?::[a-z][a-z0-9_]*)?", r"(?::\d+)?", "", "(?::done)?"
_ACTION = {"done": _NONE, "refused": _CODE, "pending": _MS, "needs_user": _MS, "unknown": _DONE, "late": r":\d+", "unsent": _NONE}
_INQUIRY = {"done": _NONE, "refused": _CODE, "pending": _NONE, "not_found": _NONE, "unknown": _NONE, "unsent": _NONE}
_COMPENSATION = {"done": _NONE, "refused": _CODE, "pending": _MS, "unknown": _DONE, "late": r":\d+", "unsent": _NONE}
_QUOTE = {"fee": r":\d+", "refused": _CODE, "unknown": _NONE, "unsent": _NONE}


class Script(BaseModel):
    """The answers to one kind of call, in order. After the last the provider answers by what is true; `always` answers every call."""

    model_config = ConfigDict(frozen=True)

    answers: tuple[Answer, ...] = ()
    always: bool = False

    def answer(self, number: int) -> Answer | None:
        """Return the answer to the call of this number, counted from 1; none if nothing is said of it."""
        return self.answers[0] if self.always else self.answers[number - 1] if number <= len(self.answers) else None


def _script(known: dict[str, str]) -> BeforeValidator:
    def read(given: Any) -> Any:
        if isinstance(given, Script):
            return given
        always = isinstance(given, str)
        texts = [given] if always else given
        if not isinstance(texts, list):
            _wrong("answers are a list of words, or one word for all calls; not {given}", given=repr(given))
        return Script(answers=tuple(_answer(text, known) for text in texts), always=always)

    return BeforeValidator(read)


def _answer(text: Any, known: dict[str, str]) -> Answer:
    word, _, detail = text.partition(":") if isinstance(text, str) else ("", "", "")
    if word not in known or not re.fullmatch(word + known[word], text):
        _wrong("unknown answer {text}; known here: {known}", text=repr(text), known=", ".join(known))
    return Answer(word=word, detail=detail)


Actions = Annotated[Script, _script(_ACTION)]
Inquiries = Annotated[Script, _script(_INQUIRY)]
Compensations = Annotated[Script, _script(_COMPENSATION)]
Quotes = Annotated[Script, _script(_QUOTE)]
