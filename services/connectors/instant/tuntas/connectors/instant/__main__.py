"""`tuntas-connectors-instant serve | migrate | check`."""

from tuntas.connectors.instant.app import service
from tuntas.kit import process


def main() -> None:
    """Run the command."""
    process.main(service, "tuntas.connectors.instant")


if __name__ == "__main__":
    main()
