"""`tuntas-engines serve | migrate | check`."""

from tuntas.engines.app import service
from tuntas.kit import process


def main() -> None:
    """Run the command."""
    process.main(service, "tuntas.engines")


if __name__ == "__main__":
    main()
