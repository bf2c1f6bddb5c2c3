"""One trace from the door to each provider call and each undo: a span per decided event, child of the message that caused it.

The sampled flag is decided once, at the door, and travels in `traceparent`. Spans of traces that are not sampled are recorded and held back
in memory; when the coordinator says that a task was rolled back or rests with an operator, every replica exports what it holds of it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from msgspec.structs import replace
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tuntas.contracts.saga import SagaEnded, SagaOutcome
from tuntas.kit.errors import InvalidMessage
from tuntas.kit.messaging.fold import Event
from tuntas.kit.messaging.wire import Raw, decode
from tuntas.kit.telemetry.keep import Keeper, RecordingSampler

_W3C = TraceContextTextMapPropagator()
_MOST_LINKS = 128


def parent_of(traceparent: str) -> Context:
    """Return the context of a `traceparent`; an empty or malformed one starts a new trace."""
    return _W3C.extract({"traceparent": traceparent})


def traceparent_of(span: Span) -> str:
    """Return the `traceparent` to send with what a span causes."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, trace.set_span_in_context(span))
    return carrier.get("traceparent", "")


class Tracing:
    """Spans of one service. With no endpoint nothing is exported, and trace ids still travel.

    Args:
        service: the resource's `service.name`.
        endpoint: an OTLP/HTTP traces URL, or None.
        ratio: the share of new traces that is sampled, 0 to 1; a caller's own decision is respected.
    """

    def __init__(self, service: str, endpoint: str | None, ratio: float) -> None:
        self._provider = TracerProvider(
            sampler=RecordingSampler(ratio),
            resource=Resource.create({"service.name": f"tuntas-{service}"}),
            shutdown_on_exit=False,
        )
        self._keeper: Keeper | None = None
        if endpoint:
            self._keeper = Keeper(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint), schedule_delay_millis=500))
            self._provider.add_span_processor(self._keeper)
        self.exports = endpoint is not None
        self._tracer = self._provider.get_tracer("tuntas")

    @contextmanager
    def batch(self, service: str, events: Sequence[Event]) -> Iterator[list[Event]]:
        """Yield the events with a span of their own each, if sampled, and end the spans with the block; the batch's span links them."""
        if not self.exports:
            yield list(events)
            return
        spans = [self._span(f"process {event.name}", event, SpanKind.CONSUMER) for event in events]
        links = [Link(context) for span in spans if (context := span.get_span_context()).trace_flags.sampled][:_MOST_LINKS]
        with self._tracer.start_as_current_span(f"{service} batch", links=links, attributes={"messaging.batch.message_count": len(events)}):
            try:
                yield [replace(event, traceparent=traceparent_of(span)) for event, span in zip(events, spans, strict=True)]
            finally:
                for span in spans:
                    span.end()

    @contextmanager
    def span(self, name: str, traceparent: str, **attributes: str) -> Iterator[str]:
        """Run a block in a client span and yield the `traceparent` to send along."""
        span = self._tracer.start_span(name, parent_of(traceparent), SpanKind.CLIENT, attributes=attributes)
        try:
            yield traceparent_of(span) or traceparent
        except BaseException as error:
            span.record_exception(error)
            raise
        finally:
            span.end()

    def start(self, name: str, traceparent: str = "") -> str:
        """Begin a trace, or join the caller's, and return its `traceparent`."""
        span = self._tracer.start_span(name, parent_of(traceparent), SpanKind.SERVER)
        span.end()
        return traceparent_of(span)

    def _span(self, name: str, event: Event, kind: SpanKind) -> Span:
        attributes = {"tuntas.task_id": str(event.task_id), "tuntas.tenant": event.tenant, "messaging.system": "kafka"}
        return self._tracer.start_span(name, parent_of(event.traceparent), kind, attributes=attributes)

    def heard(self, record: Raw) -> None:
        """Learn how a task ended from an event of the coordinator: a completed one needs no trace, any other is kept."""
        try:
            incoming = decode(record)
        except InvalidMessage:
            return
        trace_id = trace.get_current_span(parent_of(incoming.envelope.traceparent)).get_span_context().trace_id
        if self._keeper is None or not trace_id:
            return
        fine = isinstance(incoming.message, SagaEnded) and incoming.message.outcome is SagaOutcome.COMPLETED
        (self._keeper.drop if fine else self._keeper.keep)(trace_id)

    def close(self) -> None:
        """Export what is left."""
        self._provider.shutdown()
