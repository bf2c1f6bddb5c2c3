"""Create subjects, the runtime's tables, usage, months, and a ledger that the database itself keeps balanced and unedited."""

from alembic import op

from tuntas.kit.persistence.tables import RUNTIME, state_table

revision = "0001"
down_revision = None

TABLES = (
    """create table months (
        tenant text not null,
        month text not null check (month ~ '^[0-9]{4}-[0-9]{2}$'),
        zone text not null,
        plan jsonb not null,
        tally jsonb not null default '[]',
        billed_in text not null default '',
        primary key (tenant, month)
    )""",
    """create table usage (
        id uuid primary key,
        tenant text not null,
        subject uuid not null,
        task uuid,
        meter text not null,
        party text not null,
        item text not null,
        currency text not null,
        quantity bigint not null check (quantity <> 0),
        number int not null,
        price text not null,
        month text not null,
        billed_in text not null check (billed_in >= month),
        occurred_at timestamptz not null,
        recorded_at timestamptz not null,
        supersedes uuid unique references usage (id),
        foreign key (tenant, month) references months,
        foreign key (tenant, billed_in) references months
    )""",
    "create index usage_by_invoice on usage (tenant, billed_in, month)",
    "create index usage_by_month on usage (tenant, month, meter)",
    "create index usage_by_subject on usage (subject)",
    "create index usage_by_task on usage (task)",
    """create table entries (
        id uuid primary key,
        usage uuid not null references usage (id),
        kind text not null,
        tenant text not null,
        billed_in text not null,
        at timestamptz not null,
        unique (usage, kind)
    )""",
    "create index entries_by_month on entries (billed_in, tenant)",
    """create table postings (
        entry uuid not null references entries (id),
        account text not null,
        currency text not null check (currency ~ '^[A-Z]{3}$'),
        amount_micro bigint not null check (amount_micro <> 0),
        primary key (entry, account, currency)
    )""",
)

BALANCED = (
    """create function balanced() returns trigger language plpgsql set search_path from current as $$
    declare entered uuid;
    begin
        if tg_table_name = 'entries' then entered := new.id; else entered := new.entry; end if;
        if (select count(*) from postings where entry = entered) < 2
            or exists (select from postings where entry = entered group by currency having sum(amount_micro) <> 0)
        then
            raise exception 'entry % does not sum to zero', entered using errcode = 'check_violation', constraint = 'balanced';
        end if;
        return null;
    end $$""",
    *(
        f"""create constraint trigger {table}_balanced after insert on {table}
        deferrable initially deferred for each row execute function balanced()"""
        for table in ("entries", "postings")
    ),
)
"""Judged at the commit, when all sides are there. Deferred triggers may be judged early, never not at all."""

UNEDITED = (
    """create function unedited() returns trigger language plpgsql as $$
    begin
        raise exception '% is only added to', tg_table_name using errcode = 'restrict_violation';
    end $$""",
    *(
        f"create trigger {table}_unedited before update or delete or truncate on {table} for each statement execute function unedited()"
        for table in ("usage", "entries", "postings")
    ),
)

VIEWS = {
    "ops_subjects": "select task_id, tenant, status, doc::jsonb as doc, created_at, updated_at from subjects",
    "ops_months": "select tenant, month, zone, plan from months",
    "ops_usage": """select id, tenant, subject, task, meter, party, item, currency, quantity, number, price, month, billed_in, occurred_at,
        recorded_at, supersedes from usage""",
    "ops_postings": """select e.id as entry, e.usage, e.kind, e.tenant, e.billed_in, e.at, p.account, p.currency, p.amount_micro
        from entries e join postings p on p.entry = e.id""",
}


def upgrade() -> None:
    for statement in (*state_table("subjects"), *RUNTIME, *TABLES, *BALANCED, *UNEDITED):
        op.execute(statement)
    for name, query in VIEWS.items():
        op.execute(f"create view {name} as {query}")
        op.execute(f"grant select on {name} to tuntas_ops")
