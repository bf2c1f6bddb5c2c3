"""`tuntas-trust serve | migrate | check`."""

from tuntas.kit import process
from tuntas.trust.app import service


def main() -> None:
    """Run the command."""
    process.main(service, "tuntas.trust")


if __name__ == "__main__":
    main()
