"""Create consents and the runtime's tables."""

from alembic import op

from tuntas.kit.persistence.tables import RUNTIME, state_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    for statement in (*state_table("consents"), *RUNTIME):
        op.execute(statement)
    op.execute(
        """create table wallets (
            person uuid primary key,
            tenant text not null,
            version bigint not null,
            doc jsonb not null,
            updated_at timestamptz not null default now()
        )"""
    )
    op.execute("create view ops_consents as select task_id, tenant, status, doc::jsonb as doc, created_at, updated_at from consents")
    op.execute("grant select on ops_consents to tuntas_ops")
    op.execute("create view ops_timers as select task_id, purpose, due_at from timers")
    op.execute("grant select on ops_timers to tuntas_ops")
