"""What people write and what HTTP answers, as opposed to what services tell each other."""

from pydantic import BaseModel, ConfigDict


class Form(BaseModel):
    """A file or a request's body. A word that is not known is an error, and errors say where they are; contracts may stand in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class View(BaseModel):
    """A part of an answer: written whole, defaults included."""

    model_config = ConfigDict(frozen=True)
