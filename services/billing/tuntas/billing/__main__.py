"""`tuntas-billing serve | migrate | check`."""

from tuntas.billing.app import service
from tuntas.kit import process


def main() -> None:
    """Run the command."""
    process.main(service, "tuntas.billing")


if __name__ == "__main__":
    main()
