"""`tuntas-connectors-payment serve | migrate | check`."""

from tuntas.connectors.payment.app import service
from tuntas.kit import process


def main() -> None:
    """Run the command."""
    process.main(service, "tuntas.connectors.payment")


if __name__ == "__main__":
    main()
