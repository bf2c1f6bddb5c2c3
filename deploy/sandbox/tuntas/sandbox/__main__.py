"""``tuntas-sandbox serve``: one world of providers as a process."""

import argparse
import asyncio
import json
import os
import secrets
import sys

from tuntas.sandbox.server import WORLD_NAMES, Options, serve

SECRET_VARIABLE = "TUNTAS_SANDBOX_WEBHOOK_SECRET"  # noqa: S105 - the variable's name


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tuntas-sandbox", description=__doc__)
    serving = parser.add_subparsers(dest="command", required=True).add_parser("serve", help="run one world until SIGTERM")
    serving.add_argument("--world", choices=WORLD_NAMES, required=True)
    serving.add_argument("--host", default="127.0.0.1", help="where to listen; a container needs 0.0.0.0")
    serving.add_argument("--port", type=int, default=0, help="0 takes any free port; the address is printed")
    serving.add_argument("--dsn", required=True, help="PostgreSQL connection string")
    serving.add_argument("--schema", help="default: sandbox_<world>")
    serving.add_argument("--webhook-secret", help=f"default: ${SECRET_VARIABLE}, else a new one that is printed")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    asked = _arguments(argv)
    given = asked.webhook_secret or os.environ.get(SECRET_VARIABLE)
    secret = given or secrets.token_hex(32)
    options = Options(asked.world, asked.host, asked.port, asked.dsn, asked.schema or f"sandbox_{asked.world}", secret)

    def ready(address: str) -> None:
        line = {"listening": address} if given else {"listening": address, "webhook_secret": secret}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    asyncio.run(serve(options, ready))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
