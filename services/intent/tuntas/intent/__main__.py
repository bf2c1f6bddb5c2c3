"""`tuntas-intent serve | migrate | check`."""

from tuntas.kit import process
from tuntas.intent.app import service


def main() -> None:
    """Run the command."""
    process.main(service, "tuntas.intent")


if __name__ == "__main__":
    main()
