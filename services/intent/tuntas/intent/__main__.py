"""`tuntas-intent serve | migrate | check`, and `parse | values`, which read JSON lines and need no platform."""

import sys

from tuntas.intent import parse, values

LINES = {"parse": parse.main, "values": values.main}


def main() -> None:
    """Run the command; the service is only imported when it is what runs."""
    command = LINES.get(sys.argv[1]) if len(sys.argv) == 2 else None  # noqa: PLR2004
    if command is not None:
        command()
        return
    from tuntas.intent.app import service
    from tuntas.kit import process

    process.main(service, "tuntas.intent")


if __name__ == "__main__":
    main()
