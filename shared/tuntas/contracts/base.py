"""What every message is: frozen, tolerant of unknown fields, with one wire type and one topic."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from tuntas.contracts.topics import Topic

Instant = AwareDatetime
"""An instant with its offset; written in UTC."""

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""A stable, documented reason such as `sold_out`; never a sentence."""

Document = dict[str, JsonValue]
"""A JSON object whose schema another party declares: a goal's parameters, an action's input."""

Text = Annotated[str, Field(max_length=500)]
"""Words from outside: data, bounded, never instructions."""


class Frozen(BaseModel):  # noqa: PLW1641 - the library hashes what is frozen
    """A value that never changes; `model_copy` makes the changed one."""

    model_config = ConfigDict(frozen=True)

    def __eq__(self, other: object) -> bool:
        """Compare by fields; a default is most often the very same value, which writing without defaults asks for at every field."""
        return self is other or (self.__class__ is other.__class__ and self.__dict__ == other.__dict__)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with these fields, which are not validated, changed: lean, for decisions do so a hundred times a task."""
        if deep:
            return super().model_copy(update=update, deep=True)
        changes = update or {}
        copy = self.__class__.__new__(self.__class__)
        object.__setattr__(copy, "__dict__", {**self.__dict__, **changes})
        object.__setattr__(copy, "__pydantic_fields_set__", self.__pydantic_fields_set__.union(changes))
        object.__setattr__(copy, "__pydantic_extra__", self.__pydantic_extra__)
        object.__setattr__(copy, "__pydantic_private__", None)
        return copy


class Contract(Frozen):
    """A part of a message: frozen; unknown fields are ignored, so that older readers meet newer writers."""

    model_config = ConfigDict(extra="ignore")


class Message(Contract):
    """A message type. `wire_type` is its name on the wire, `topic` where it travels unless the sender names another."""

    wire_type: ClassVar[str]
    topic: ClassVar[Topic | None] = None

    def __init_subclass__(cls, name: str | None = None, topic: Topic | None = None, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        if name is not None:
            cls.wire_type = f"tuntas.{name}.v1"
            cls.topic = topic
            MESSAGES[cls.wire_type] = cls

    @classmethod
    def __pydantic_init_subclass__(cls, name: str | None = None, topic: Topic | None = None, **rest: Any) -> None:
        super().__pydantic_init_subclass__(**rest)


MESSAGES: dict[str, type[Message]] = {}
"""Every message class by wire type; filled by defining it."""


def utc(instant: datetime) -> str:
    """Return an instant as RFC 3339 in UTC, to the microsecond."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
