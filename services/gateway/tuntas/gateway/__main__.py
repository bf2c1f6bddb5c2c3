"""`tuntas-gateway serve | migrate | check`."""

from tuntas.gateway.app import service
from tuntas.kit import process


def main() -> None:
    """Run the command."""
    process.main(service, "tuntas.gateway")


if __name__ == "__main__":
    main()
