"""`tuntas-executor serve | migrate | check`."""

from tuntas.executor.app import service
from tuntas.kit import process


def main() -> None:
    """Run the command."""
    process.main(service, "tuntas.executor")


if __name__ == "__main__":
    main()
