"""`tuntas-intent serve | migrate | check`."""

from tuntas.intent.app import service
from tuntas.kit import process


def main() -> None:
    """Run the command."""
    process.main(service, "tuntas.intent")


if __name__ == "__main__":
    main()
