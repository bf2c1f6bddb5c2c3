"""Create conversations and the runtime's tables."""

from alembic import op

from tuntas.kit.persistence.tables import RUNTIME, state_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    for statement in (*state_table("conversations"), *RUNTIME):
        op.execute(statement)
