"""`TUNTAS_HTTP_MANIFEST=... tuntas-connectors-http serve | migrate | check`."""

import os
import sys

from tuntas.connectors.http.app import connector
from tuntas.connectors.http.manifest import load
from tuntas.kit import process
from tuntas.kit.errors import ConfigurationError

VARIABLE = "TUNTAS_HTTP_MANIFEST"


def main() -> None:
    """Run the command for the connector that the manifest describes."""
    try:
        described = load(os.environ.get(VARIABLE) or _unset())
    except ConfigurationError as error:
        sys.stderr.write(f"{error.code}: {error.reason}\n")
        sys.exit(2)
    process.main(connector(described).service(), "tuntas.connectors.http")


def _unset() -> str:
    raise ConfigurationError("no_manifest", f"{VARIABLE} names a file or an address")


if __name__ == "__main__":
    main()
