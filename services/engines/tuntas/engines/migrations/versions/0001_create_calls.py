"""Create calls, episodes and the runtime's tables."""

from alembic import op

from tuntas.kit.persistence.tables import RUNTIME, state_table

revision = "0001"
down_revision = None

CALLS = """create table calls (
    call uuid not null,
    attempt smallint not null,
    at timestamptz not null,
    tenant text not null,
    task_id uuid,
    scenario text not null,
    engine text not null,
    model text not null,
    outcome text not null,
    input integer not null,
    cached integer not null,
    output integer not null,
    estimated boolean not null,
    milliseconds integer not null,
    charge jsonb,
    reference jsonb,
    primary key (call, attempt)
)"""

BY_ENGINE = """create view ops_engines as
    select c.engine, c.model, c.scenario,
        count(*) as attempts,
        count(*) filter (where c.outcome = 'answered') as answered,
        count(distinct c.task_id) filter (where e.status = 'completed' and c.outcome = 'answered') as completed,
        count(distinct c.task_id) filter (where e.status = 'compensated' and c.outcome = 'answered') as compensated
    from calls c left join episodes e using (task_id) group by 1, 2, 3"""


def upgrade() -> None:
    for statement in (*state_table("episodes"), *RUNTIME, CALLS):
        op.execute(statement)
    op.execute("create index calls_by_task on calls (task_id) where task_id is not null")
    op.execute("create index calls_by_time on calls (at)")
    op.execute("create view ops_calls as select * from calls")
    op.execute(BY_ENGINE)
    for view in ("ops_calls", "ops_engines"):
        op.execute(f"grant select on {view} to tuntas_ops")
