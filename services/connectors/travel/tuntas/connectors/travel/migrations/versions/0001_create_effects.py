"""Create effects and the runtime's tables."""

from alembic import op

from tuntas.kit.persistence.tables import RUNTIME, state_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    for statement in (*state_table("effects"), *RUNTIME):
        op.execute(statement)
    op.execute("create view ops_effects as select task_id, tenant, status, doc::jsonb as doc, created_at, updated_at from effects")
    op.execute("grant select on ops_effects to tuntas_ops")
