"""The goal types that connectors declare, followed from the compacted registry topic: a new connector needs no edit elsewhere."""

from typing import Any

import jsonschema_rs

from tuntas.contracts.base import Document
from tuntas.contracts.registry import ConnectorRegistered, GoalType
from tuntas.kit.errors import TuntasError
from tuntas.kit.messaging.wire import Raw, decode


class Registry:
    """What every connector declared last."""

    def __init__(self) -> None:
        self._manifests: dict[str, ConnectorRegistered] = {}
        self._served: dict[str, tuple[str, GoalType]] = {}
        self._schemas: dict[str, Any] = {}

    def apply(self, record: Raw) -> None:
        """Apply one record of the registry topic; what can't be read is no manifest."""
        try:
            message = decode(record).message
        except TuntasError:
            return
        if isinstance(message, ConnectorRegistered):
            self.register(message)

    def register(self, manifest: ConnectorRegistered) -> None:
        """Take a manifest; it replaces the connector's earlier one."""
        self._manifests[manifest.connector] = manifest
        self._served = {goal.name: (name, goal) for name, m in sorted(self._manifests.items()) for goal in m.goal_types}
        self._schemas = {name: jsonschema_rs.validator_for(goal.parameters) for name, (_, goal) in self._served.items()}

    def connectors(self) -> list[str]:
        """Return the names of the connectors that are known."""
        return sorted(self._manifests)

    def goal_types(self) -> list[GoalType]:
        """Return every goal type, by name."""
        return [goal for _, (_, goal) in sorted(self._served.items())]

    def serves(self, goal_type: str) -> tuple[str, GoalType] | None:
        """Return who serves a goal type, and its declaration."""
        return self._served.get(goal_type)

    def settler(self) -> tuple[str, GoalType] | None:
        """Return the payment leg's goal type and its connector."""
        return next((found for _, found in sorted(self._served.items()) if found[1].settles), None)

    def faults(self, goal_type: str, parameters: Document) -> list[str]:
        """Return what is wrong with a goal's parameters, at most five faults, values left out."""
        errors = self._schemas[goal_type].iter_errors(parameters)
        return [f"{'/'.join(map(str, e.instance_path)) or 'goal'}: {e.kind.name}" for _, e in zip(range(5), errors, strict=False)]
