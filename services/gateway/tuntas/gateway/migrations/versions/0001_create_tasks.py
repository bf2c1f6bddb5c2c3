"""Create tasks, their public events, and the runtime's tables."""

from alembic import op

from tuntas.kit.persistence.tables import RUNTIME, state_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    for statement in (*state_table("tasks"), *RUNTIME):
        op.execute(statement)
    op.execute("create index tasks_by_tenant on tasks (tenant, created_at desc, task_id)")
    op.execute(
        """create table task_events (
            task_id uuid not null,
            seq integer not null,
            type text not null,
            at timestamptz not null,
            body jsonb not null,
            primary key (task_id, seq)
        )"""
    )
    op.execute("create view ops_tasks as select task_id, tenant, status, doc::jsonb as doc, created_at, updated_at from tasks")
    op.execute("grant select on ops_tasks to tuntas_ops")
