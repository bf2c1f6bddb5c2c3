"""A toy service with a command of its own: it tells what it was asked."""

from tuntas.contracts.base import Frozen, Message
from tuntas.contracts.topics import Kind, Topic
from tuntas.kit.app import Parts, Resources, Service
from tuntas.kit.decision import Answered, Context, Core, Decision, Fired, Send
from tuntas.kit.process import main

ASKS = Topic("tuntas.echo.commands.v1", Kind.COMMANDS)
TALES = Topic("tuntas.echo.events.v1", Kind.EVENTS)


class Asked(Message, name="echo.asked", topic=ASKS):
    """Tell this."""

    word: str


class Told(Message, name="echo.told", topic=TALES):
    """What was asked."""

    word: str


class Echo(Frozen):
    status: str = "telling"


def on_asked(_: Echo | None, message: Asked, __: Context) -> Decision[Echo]:
    return Decision(Echo(), (Send(Told(word=message.word)),))


def nothing(state: Echo | None, _: Fired | Answered, __: Context) -> Decision[Echo]:
    return Decision(state, ())


def parts(_: Resources) -> Parts:
    return Parts(core=Core(Echo, {Asked: on_asked}, nothing, nothing))


ECHO = Service(name="echo", table="echoes", topics=(ASKS,), parts=parts)

if __name__ == "__main__":
    main(ECHO, "")
