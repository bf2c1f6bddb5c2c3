"""Every metric we emit: name, kind, meaning, labels. A name that is not here does not type-check; no task id is ever a label."""

from dataclasses import dataclass
from typing import Literal

MetricName = Literal[
    "tuntas_records_total",
    "tuntas_dead_letters_total",
    "tuntas_published_total",
    "tuntas_batch_size",
    "tuntas_batch_seconds",
    "tuntas_batch_rewinds_total",
    "tuntas_commit_failures_total",
    "tuntas_lag_records",
    "tuntas_delay_seconds",
    "tuntas_timers_due",
    "tuntas_outbox_records",
    "tuntas_calls_total",
    "tuntas_call_seconds",
    "tuntas_calls_outstanding",
    "tuntas_breaker_open",
    "tuntas_parked",
    "tuntas_tasks",
    "tuntas_saga_age_seconds",
    "tuntas_money_at_risk_minor",
    "tuntas_usage_total",
    "tuntas_engine_attempts_total",
    "tuntas_engine_seconds",
    "tuntas_engine_tokens_total",
    "tuntas_engine_off",
    "tuntas_engine_fallbacks_total",
]


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric is: `kind`, what it means, and its labels beside `service`."""

    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


METRICS: dict[MetricName, Metric] = {
    "tuntas_records_total": Metric("counter", "Records decided", ("topic",)),
    "tuntas_dead_letters_total": Metric("counter", "Records set aside", ("code",)),
    "tuntas_published_total": Metric("counter", "Records published", ("topic",)),
    "tuntas_batch_size": Metric("histogram", "Events decided in one transaction"),
    "tuntas_batch_seconds": Metric("histogram", "Time from a batch's first event to its last acknowledgement"),
    "tuntas_batch_rewinds_total": Metric("counter", "Batches rewound because of our own infrastructure", ("error",)),
    "tuntas_commit_failures_total": Metric("counter", "Offset commits that failed"),
    "tuntas_lag_records": Metric("gauge", "Records behind the end of the log", ("topic",)),
    "tuntas_delay_seconds": Metric("gauge", "How old records were at least when they were taken, since the last sign of life"),
    "tuntas_timers_due": Metric("gauge", "Timers that are due and have not been decided"),
    "tuntas_outbox_records": Metric("gauge", "Outputs committed and not yet published"),
    "tuntas_calls_total": Metric("counter", "Outgoing calls", ("party", "kind", "outcome")),
    "tuntas_call_seconds": Metric("histogram", "Duration of outgoing calls", ("party",)),
    "tuntas_calls_outstanding": Metric("gauge", "Outgoing calls without an answer"),
    "tuntas_breaker_open": Metric("gauge", "1 while calls to the party fail fast", ("party",)),
    "tuntas_parked": Metric("gauge", "1 while this replica sees a kill switch set", ("scope",)),
    "tuntas_tasks": Metric("gauge", "Rows that are not at an end, by status", ("status",)),
    "tuntas_saga_age_seconds": Metric("gauge", "Age of the oldest row that is not at an end", ("status",)),
    "tuntas_money_at_risk_minor": Metric("gauge", "Money whose fate is open, in minor units", ("currency",)),
    "tuntas_usage_total": Metric("counter", "Facts of usage recorded; what takes one back is one, too", ("meter",)),
    "tuntas_engine_attempts_total": Metric("counter", "Attempts at engines", ("engine", "scenario", "outcome")),
    "tuntas_engine_seconds": Metric("histogram", "Duration of attempts at engines", ("engine",)),
    "tuntas_engine_tokens_total": Metric("counter", "Tokens that engines used", ("engine", "kind")),
    "tuntas_engine_off": Metric("gauge", "1 while a route rests until an operator acts: no money, no key, no such model", ("route",)),
    "tuntas_engine_fallbacks_total": Metric("counter", "Times a service did without the engines", ("scenario", "reason")),
}

LogName = Literal[
    "backend.awaited",
    "service.started",
    "service.stopped",
    "batch.rewound",
    "message.refused",
    "decision.failed",
    "call.failed",
    "partitions.assigned",
    "partitions.revoked",
    "producer.lost",
    "sweep.failed",
    "state.followed",
    "consumer.stuck",
    "engines.forgone",
    "client.ended",
]
"""Log events: dotted, past tense, with fields; never formatted sentences."""
