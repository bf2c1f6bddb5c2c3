"""`tuntas-connectors-travel serve | migrate | check`."""

from tuntas.connectors.travel.app import service
from tuntas.kit import process


def main() -> None:
    """Run the command."""
    process.main(service, "tuntas.connectors.travel")


if __name__ == "__main__":
    main()
