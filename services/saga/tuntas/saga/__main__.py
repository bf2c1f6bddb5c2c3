"""`tuntas-saga serve | migrate | check`."""

from tuntas.kit import process
from tuntas.saga.app import service


def main() -> None:
    """Run the command."""
    process.main(service, "tuntas.saga")


if __name__ == "__main__":
    main()
