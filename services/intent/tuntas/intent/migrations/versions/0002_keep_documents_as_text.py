"""Keep documents as text."""

from alembic import op

from tuntas.kit.persistence.tables import as_text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for statement in as_text("conversations"):
        op.execute(statement)
