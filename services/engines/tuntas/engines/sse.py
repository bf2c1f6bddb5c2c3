"""A reader of server-sent events that bad lines do not stop: bytes in, the data of whole events out."""

import codecs


class EventReader:
    """Takes bytes as they come: many events in one chunk, or a character split between two. Comments and blank lines yield nothing.

    `comments` counts keep-alives, which are no content and must not be taken for a sign of an answer.
    """

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest, self._data = "", list[str]()
        self._after_return = False
        self.comments = 0

    def feed(self, chunk: bytes) -> list[str]:
        """Return the data of the events that this chunk completes."""
        text = self._decode(chunk)
        if self._after_return and text.startswith("\n"):
            text = text[1:]
        self._after_return = text.endswith("\r") if text else self._after_return
        lines = (self._rest + text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._rest = lines.pop()
        return [data for line in lines if (data := self._line(line)) is not None]

    def end(self) -> list[str]:
        """Return the event that the end of the stream completes: some servers leave out the last blank line."""
        return [data for line in (self._rest, "") if (data := self._line(line)) is not None]

    def _line(self, line: str) -> str | None:
        if not line:
            data, self._data = self._data, []
            return "\n".join(data) if data else None
        if line.startswith(":"):
            self.comments += 1
        elif line.startswith("data:"):
            self._data.append(line[5:].removeprefix(" "))
        return None
