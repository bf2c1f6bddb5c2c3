"""What every message is: frozen, tolerant of unknown fields, with one wire type and one topic.

Values are msgspec structs: a task's way makes and writes hundreds of them (ADR 24). Whoever wants words about what is wrong with a
document, or an HTTP API's schema, meets them through pydantic, which knows their fields by `__get_pydantic_core_schema__`.
"""

from collections.abc import Container, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, lru_cache
from inspect import cleandoc
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, dataclass_transform, get_type_hints

import msgspec
from msgspec import Meta
from pydantic import AwareDatetime, Field, GetCoreSchemaHandler, JsonValue, TypeAdapter
from pydantic_core import CoreSchema, core_schema

from tuntas.contracts.topics import Topic

if TYPE_CHECKING:
    Document = dict[str, JsonValue]
else:
    Document = dict[str, Any]
    """A JSON object whose schema another party declares: a goal's parameters, an action's input."""

Instant = Annotated[datetime, Meta(tz=True), AwareDatetime]
"""An instant with its offset; written in UTC."""

_CODE = r"^[a-z][a-z0-9_]{0,63}$"
TO_THE_END = r"(?!\n)"
"""Follows `$` in patterns that msgspec judges: to it alone the end is also before a last line feed."""

Code = Annotated[str, Meta(pattern=_CODE + TO_THE_END), Field(pattern=_CODE)]
"""A stable, documented reason such as `sold_out`; never a sentence."""

Whole = Annotated[int, Meta(ge=0), Field(ge=0)]
"""A count; never negative."""

Text = Annotated[str, Meta(max_length=500), Field(max_length=500)]
"""Words from outside: data, bounded, never instructions."""


class _Shape(msgspec.StructMeta):
    """Fields by keyword in any order, and a message's wire type and topic as words of its class."""

    def __new__(
        cls, title: str, bases: tuple[type, ...], space: dict[str, Any], name: str | None = None, topic: Topic | None = None, **_: Any
    ) -> Any:
        made: Any = super().__new__(cls, title, bases, space, kw_only=True, frozen=True, omit_defaults=True, gc=False)
        if name is not None:
            made.wire_type, made.topic = f"tuntas.{name}.v1", topic
            MESSAGES[made.wire_type] = made
        return made

    @property
    def model_fields(self) -> tuple[str, ...]:
        """Return the names of the fields."""
        return self.__struct_fields__


class Term(StrEnum):
    """One of a few words. It is hashed as the text it equals: the library's own hash is a call of a function, and sets are asked often."""

    __hash__ = str.__hash__


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class Frozen(msgspec.Struct, metaclass=_Shape, frozen=True):
    """A value that never changes; `model_copy` makes the changed one.

    Making and copying one validates nothing: that is for what comes from outside, `model_validate` and `model_validate_json`. What is
    written as JSON leaves out defaults. The methods are pydantic's by name and meaning. A frozen value is in no cycle of references, so
    the collector need not look at it.

    `settled` names fields of a state that once they have a value hardly ever change: a table keeps them beside the document, and writes
    them only when they did (ADR 25).
    """

    settled: ClassVar[tuple[str, ...]] = ()

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Self:
        """Return a copy with these fields changed."""
        return msgspec.structs.replace(self, **(update or {}))

    def but(self, **changes: Any) -> Self:
        """Return a copy with these fields changed."""
        return msgspec.structs.replace(self, **changes)

    def model_dump_json(self) -> str:
        """Return it as JSON without defaults."""
        return _ENCODER.encode(self).decode()

    def document(self) -> Document:
        """Return it as a JSON object without defaults."""
        found: Document = msgspec.to_builtins(self, str_keys=True, enc_hook=str)
        return found

    def model_dump(self, *, include: Container[str] | None = None, exclude: Container[str] = (), **options: Any) -> dict[str, Any]:
        """Return it as a dict, defaults included; options as pydantic's: `mode`, `exclude_defaults`."""
        found: dict[str, Any] = _adapter(type(self)).dump_python(self, **options)
        return {name: value for name, value in found.items() if (include is None or name in include) and name not in exclude}

    @classmethod
    def model_validate(cls, value: Any) -> Self:
        """Return what a dict says, or the value itself.

        Raises:
            pydantic.ValidationError: it does not fit; says all that is wrong, and where.
        """
        try:
            return msgspec.convert(value, cls, dec_hook=_made)
        except msgspec.ValidationError:
            valid: Self = _adapter(cls).validate_python(value)
            return valid

    @classmethod
    def model_validate_json(cls, text: str | bytes) -> Self:
        """Return what JSON says.

        Raises:
            pydantic.ValidationError: it does not fit; says all that is wrong, and where.
        """
        read: Self
        try:
            read = _decoder(cls).decode(text)
        except (msgspec.DecodeError, UnicodeError):
            read = _adapter(cls).validate_json(text)
        return read

    @classmethod
    def model_json_schema(cls, **options: Any) -> dict[str, Any]:
        """Return its JSON Schema; options as pydantic's."""
        return _adapter(cls).json_schema(**options)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let pydantic validate, write and describe it by its fields."""
        hints = get_type_hints(cls, include_extras=True)
        fields = {each.name: _field(each, handler.generate_schema(hints[each.name])) for each in msgspec.structs.fields(cls)}
        shape = core_schema.typed_dict_schema(fields, cls_name=cls.__name__, config={"title": cls.__name__})
        about = {"title": cls.__name__} | ({"description": cleandoc(cls.__doc__)} if cls.__doc__ else {})

        def take(value: Any, read: Any) -> Any:
            return value if isinstance(value, cls) else cls(**read(value))

        return core_schema.no_info_wrap_validator_function(
            take,
            shape,
            ref=f"{cls.__module__}.{cls.__qualname__}",
            metadata={"pydantic_js_updates": about},
            serialization=core_schema.plain_serializer_function_ser_schema(msgspec.structs.asdict, return_schema=shape),
        )


def _field(each: msgspec.structs.FieldInfo, schema: CoreSchema) -> core_schema.TypedDictField:
    if each.default is not msgspec.NODEFAULT:
        schema = core_schema.with_default_schema(schema, default=each.default)
    elif each.default_factory is not msgspec.NODEFAULT:
        schema = core_schema.with_default_schema(schema, default_factory=each.default_factory)
    return core_schema.typed_dict_field(schema, required=each.required)


def _made(kind: Any, value: Any) -> Any:
    return kind(value)


_ENCODER = msgspec.json.Encoder(enc_hook=str)


@cache
def _decoder(kind: Any) -> Any:
    return msgspec.json.Decoder(kind, dec_hook=_made)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


class Contract(Frozen):
    """A part of a message: frozen; unknown fields are ignored, so that older readers meet newer writers."""


MESSAGES: dict[str, type["Message"]] = {}
"""Every message class by wire type; filled by defining it."""


class Message(Contract):
    """A message type. `wire_type` is its name on the wire, `topic` where it travels unless the sender names another."""

    wire_type: ClassVar[str]
    topic: ClassVar[Topic | None] = None


@lru_cache(maxsize=256)
def utc(instant: datetime) -> str:
    """Return an instant as RFC 3339 in UTC, to the microsecond."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
