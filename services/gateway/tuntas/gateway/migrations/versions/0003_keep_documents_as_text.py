"""Keep documents as text."""

from alembic import op

from tuntas.kit.persistence.tables import as_text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for statement in as_text("tasks", "ops_tasks"):
        op.execute(statement)
