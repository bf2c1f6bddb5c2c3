"""Personal data on the wire: sealed with a key per person, so that erasing is deleting the key; hashes are over the sealed text."""

import re
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

_FORM = r"sealed:v1:[0-9a-f-]{36}:[A-Za-z0-9_-]+"


class Personal(str):
    """A sealed personal value: `sealed:v1:<person id>:<ciphertext>`. Plain text is refused; only the kit's vault makes or opens one."""

    __slots__ = ()

    def __new__(cls, sealed: str) -> Self:
        """Take a sealed value; ValueError for anything else."""
        if not re.fullmatch(_FORM, sealed):
            raise ValueError("not a sealed personal value")
        return super().__new__(cls, sealed)

    def __repr__(self) -> str:
        return f"Personal(person={self.person})"

    @property
    def person(self) -> str:
        """Return the id of the person whose key opens it."""
        return self.split(":", 3)[2]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate from text and write as text; the JSON schema shows the form."""
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema(pattern=f"^{_FORM}$"))
