"""Create plans and the runtime's tables."""

from alembic import op

from tuntas.kit.persistence.tables import RUNTIME, state_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    for statement in (*state_table("plans"), *RUNTIME):
        op.execute(statement)
    op.execute("create view ops_plans as select task_id, tenant, status, doc::jsonb as doc, created_at, updated_at from plans")
    op.execute("grant select on ops_plans to tuntas_ops")
    op.execute("create view ops_timers as select task_id, purpose, due_at from timers")
    op.execute("grant select on ops_timers to tuntas_ops")
