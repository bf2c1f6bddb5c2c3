"""Keep plans and approvals beside the documents."""

from alembic import op

from tuntas.kit.persistence.tables import apart

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for statement in apart("executions", "ops_executions"):
        op.execute(statement)
