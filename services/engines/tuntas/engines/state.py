"""What is remembered of a task that calls were made for: how it ended."""

from tuntas.contracts.base import Contract


class Episode(Contract):
    """One task's end as the coordinator told it last; `closing` tells a later end from an earlier one."""

    status: str
    closing: int
