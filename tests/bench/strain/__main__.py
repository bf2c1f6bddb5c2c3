"""`make bench-strain`: what a rate does not show. Growth, a restart, replicas, latency, overload; a JSON line for each measurement."""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from tests.bench.strain import growth, latency, overload, replicas, restart

STRAINS: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
    "growth": growth.run,
    "latency": latency.run,
    "replicas": replicas.run,
    "restart": restart.run,
    "overload": overload.run,
}


def main() -> int:
    """Put the platform under the strains named, or all."""
    wanted = sys.argv[1:] or list(STRAINS)
    if unknown := set(wanted) - set(STRAINS):
        sys.stderr.write(f"no such strain: {', '.join(sorted(unknown))}; there are {', '.join(STRAINS)}\n")
        return 2
    for name in wanted:
        for line in STRAINS[name]():
            print(json.dumps({"strain": name} | line), flush=True)  # noqa: T201 - the result
    return 0


if __name__ == "__main__":
    sys.exit(main())
