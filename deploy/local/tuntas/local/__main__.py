"""`tuntas-local demo | up | down | kill | chaos`: the platform on this machine."""

import argparse
import asyncio
import json
import sys
import time
from typing import Any

import httpx2
from aiokafka.errors import KafkaError

from tuntas.kit.errors import ConfigurationError
from tuntas.local import kill
from tuntas.local.chaos.run import chaos
from tuntas.local.demo.run import Demo
from tuntas.local.platform import Platform
from tuntas.local.processes import LocalError, Processes, take
from tuntas.local.stack import ROOT

UNANSWERED_SECONDS = "8"


def say(line: str) -> None:
    """Tell what takes long, on standard error."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def demo(asked: argparse.Namespace) -> int:
    """Start everything afresh, play the stories and judge them; then stop everything, or leave it for `make down`."""
    begun = time.monotonic()
    platform = Platform("demo", say=say, extra={"TUNTAS_TRUST_APPROVAL_SECONDS": UNANSWERED_SECONDS}, fresh=True, stays=asked.keep)
    platform.start()
    try:
        say(f"up after {time.monotonic() - begun:.1f} s")
        summary, fine = _play(platform, asked)
        summary["seconds"] = round(time.monotonic() - begun, 1)
    except BaseException:
        platform.stop()
        raise
    _leave(platform) if asked.keep else platform.stop()
    print(json.dumps(summary) if asked.json else json.dumps(summary, indent=2))  # noqa: T201 - the result
    return 0 if fine else 1


def _play(platform: Platform, asked: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    shown = Demo(platform.profile(), platform.addresses.worlds, quiet=asked.json)
    asyncio.run(shown.play())
    if asked.spoil == "effect":
        platform.plant()
    return shown.judge(asked.spoil, platform.folder)


def _leave(platform: Platform) -> None:
    """Let it run, and say where to look."""
    platform.leave()
    say(f"up: {platform.addresses.gateway}, its OpenAPI at /v1/openapi.json; what providers hold: {platform.addresses.worlds}")
    say(f"the command's profile is {platform.folder / 'profile.json'}; `make down` stops it")


def up(asked: argparse.Namespace) -> int:
    """Start the platform and leave it running."""
    platform = Platform("up", say=say, stays=True, manifests=asked.manifest)
    platform.start()
    platform.profile()
    _leave(platform)
    return 0


def down(_: argparse.Namespace) -> int:
    """Stop what `up` or `demo --keep` left running, and what a crash left; a stack that somebody works with is left alone."""
    for folder in sorted(record.parent for record in ROOT.glob("*/processes")):
        try:
            with take(folder):
                stopped = Processes(folder).stop_all()
                (folder / "profile.json").unlink(missing_ok=True)
        except LocalError as error:
            say(f"left alone: {error}")
            continue
        if stopped:
            say(f"{folder.name}: stopped {', '.join(stopped)}")
    return 0


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="tuntas-local", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    shown = verbs.add_parser("demo", help="play the stories through the whole platform")
    shown.add_argument("--json", action="store_true", help="the summary as one JSON object on the last line")
    shown.add_argument("--keep", action="store_true", help="leave everything running until `down`")
    shown.add_argument("--spoil", choices=("effect", "posting", "receipt"), help="a negative control: the auditor must notice")
    shown.set_defaults(run=demo)
    struck = verbs.add_parser("kill", help="kill services and servers under load, and check that nothing is lost")
    struck.add_argument("--tasks", type=int, default=200, help="how many tasks are in flight")
    struck.add_argument("--seed", type=int, default=1, help="the same seed strikes in the same order")
    struck.add_argument("--json", action="store_true", help="the summary as one JSON object on the last line")
    struck.set_defaults(run=lambda asked: kill.kill(asked, say))
    stormed = verbs.add_parser("chaos", help="let all go wrong with many tasks in flight")
    stormed.add_argument("--tasks", type=int, default=1000, help="how many tasks are in flight")
    stormed.add_argument("--seed", type=int, default=1, help="the same seed strikes in the same order")
    stormed.add_argument("--json", action="store_true", help="the report as one JSON object on the last line")
    stormed.set_defaults(run=lambda asked: chaos(asked, say))
    lasting = verbs.add_parser("up", help="start the platform")
    lasting.add_argument("--manifest", action="append", default=[], help="a manifest's file or address: one more connector")
    lasting.set_defaults(run=up)
    verbs.add_parser("down", help="stop it").set_defaults(run=down)
    asked = parser.parse_args()
    try:
        sys.exit(asked.run(asked))
    except LocalError as error:
        sys.exit(str(error))
    except (httpx2.HTTPError, KafkaError) as error:
        words = str(error).partition("\n")[0]
        sys.exit(f"a part of the platform went away: {words or type(error).__name__}\nwhat it said last is in {ROOT / asked.verb / 'logs'}")
    except ConfigurationError as error:
        say(f"{error.code}: {error.reason}")
        sys.exit(2)


if __name__ == "__main__":
    main()
