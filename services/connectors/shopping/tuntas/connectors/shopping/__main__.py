"""`tuntas-connectors-shopping serve | migrate | check`."""

from tuntas.connectors.shopping.app import service
from tuntas.kit import process


def main() -> None:
    """Run the command."""
    process.main(service, "tuntas.connectors.shopping")


if __name__ == "__main__":
    main()
