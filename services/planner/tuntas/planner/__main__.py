"""`tuntas-planner serve | migrate | check`."""

from tuntas.kit import process
from tuntas.planner.app import service


def main() -> None:
    """Run the command."""
    process.main(service, "tuntas.planner")


if __name__ == "__main__":
    main()
