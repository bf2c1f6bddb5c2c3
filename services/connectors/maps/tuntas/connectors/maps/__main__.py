"""`tuntas-connectors-maps serve | migrate | check`."""

from tuntas.connectors.maps.app import service
from tuntas.kit import process


def main() -> None:
    """Run the command."""
    process.main(service, "tuntas.connectors.maps")


if __name__ == "__main__":
    main()
