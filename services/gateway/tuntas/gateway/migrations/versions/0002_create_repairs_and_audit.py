"""Create operators' repairs and rehearsals, what became of them, and the audit log."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """create table repairs (
            id uuid primary key,
            by text not null,
            action text not null,
            reason text not null,
            evidence jsonb not null,
            per_second double precision not null,
            money jsonb not null,
            state text not null,
            approved_by text,
            traceparent text not null,
            created_at timestamptz not null default now(),
            next_at timestamptz not null default now()
        )"""
    )
    op.execute("create index repairs_by_due on repairs (next_at) where state = 'running'")
    op.execute(
        """create table repair_tasks (
            repair_id uuid not null references repairs,
            place integer not null,
            task_id uuid not null,
            tenant text not null,
            key uuid,
            expected integer,
            money jsonb not null,
            sent_at timestamptz,
            applied boolean,
            code text,
            before integer,
            after integer,
            primary key (repair_id, task_id)
        )"""
    )
    op.execute("create index repair_tasks_by_place on repair_tasks (repair_id, place) where sent_at is null")
    op.execute("create table drills (id uuid primary key, task_id uuid not null, told jsonb, at timestamptz not null default now())")
    op.execute("create table drill_quotes (drill_id uuid not null, key uuid not null, quote jsonb not null, primary key (drill_id, key))")
    op.execute("create table audit (seq bigint primary key, body text not null, key_id text not null, signature text not null)")
    op.execute(
        """create function audit_stays() returns trigger language plpgsql
        as $$ begin raise exception 'the audit log is only appended to'; end $$"""
    )
    op.execute(
        """create trigger audit_stays before update or delete or truncate on audit
        for each statement execute function audit_stays()"""
    )
