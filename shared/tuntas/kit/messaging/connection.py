"""The client library's connection as its loops need it: a write that fails is an error of the connection."""

from typing import Any

from aiokafka import conn
from aiokafka.errors import KafkaConnectionError


class Connection(conn.AIOKafkaConnection):  # type: ignore[misc]
    """A connection to a broker that is as safe on uvloop as on the standard event loop.

    A broker that is killed resets its connections. What is written between the reset and the reader's notice is lost in silence on the
    standard loop, and uvloop raises RuntimeError, which the library does not expect (aiokafka's issue 1038): whichever of its loops
    wrote ends for ever, and the consumer stays a deaf member of its group.
    """

    @classmethod
    def install(cls) -> None:
        """Let every client of this process use these connections: the library has no setting for it."""
        conn.AIOKafkaConnection = cls

    def send(self, request: Any, expect_response: bool = True) -> Any:
        """Send a request; return what awaits the answer. Raises KafkaConnectionError."""
        try:
            return super().send(request, expect_response)
        except RuntimeError as error:
            self.close(reason=conn.CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}") from error
