"""What crosses a service boundary: messages, topics, envelope, money, ids. Standard library, msgspec and pydantic only; no I/O."""
