"""Spans of traces that nobody sampled, held back until it is known how the task ends: those of a rolled-back one are exported after all."""

from collections import OrderedDict
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.util.types import Attributes

MOST_SPANS = 20_000
"""So many spans are held, the traces that were touched first go first."""

MOST_KEPT = 10_000
"""So many traces are known to be kept; what ends later of an older one is held like any other."""


class RecordingSampler(Sampler):
    """Samples a share of new traces and respects a caller's decision; what is not sampled is recorded all the same, to be held back."""

    def __init__(self, ratio: float) -> None:
        self._inner = ParentBased(TraceIdRatioBased(ratio))

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Return the inner decision, with recording instead of dropping."""
        found = self._inner.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        if found.decision is not Decision.DROP:
            return found
        return SamplingResult(Decision.RECORD_ONLY, attributes, found.trace_state)

    def get_description(self) -> str:
        """Return what it is."""
        return "RecordingSampler"


class Keeper(SpanProcessor):
    """Passes sampled spans on at once, and others when `keep` says so. It lives in one event loop.

    Args:
        onward: where spans go.
        most: how many are held.
    """

    def __init__(self, onward: SpanProcessor, most: int = MOST_SPANS) -> None:
        self._onward, self._most = onward, most
        self._held: OrderedDict[int, list[ReadableSpan]] = OrderedDict()
        self._kept: OrderedDict[int, None] = OrderedDict()
        self.count = 0

    def on_end(self, span: ReadableSpan) -> None:
        """Pass a span on, or hold it; a batch's own span, which is of no task, is never held."""
        if span.context is None or span.context.trace_flags.sampled:
            self._onward.on_end(span)
        elif span.context.trace_id in self._kept:
            self._onward.on_end(_as_sampled(span, span.context))
        elif span.kind is not SpanKind.INTERNAL:
            self._hold(span.context.trace_id, span)

    def _hold(self, trace_id: int, span: ReadableSpan) -> None:
        self._held.setdefault(trace_id, []).append(span)
        self.count += 1
        while self.count > self._most:
            _, gone = self._held.popitem(last=False)
            self.count -= len(gone)

    def keep(self, trace_id: int) -> None:
        """Export what is held of a trace, and from now on what ends of it."""
        self._kept[trace_id] = None
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        for span in self._taken(trace_id):
            self.on_end(span)

    def drop(self, trace_id: int) -> None:
        """Forget what is held of a trace."""
        self._taken(trace_id)

    def _taken(self, trace_id: int) -> list[ReadableSpan]:
        spans = self._held.pop(trace_id, [])
        self.count -= len(spans)
        return spans

    def shutdown(self) -> None:
        """Export what was passed on."""
        self._onward.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Export what was passed on, within so many milliseconds."""
        return self._onward.force_flush(timeout_millis)


def _as_sampled(span: ReadableSpan, context: SpanContext) -> ReadableSpan:
    """Return the same span with the flag without which no exporter takes it."""
    flags = TraceFlags(context.trace_flags | TraceFlags.SAMPLED)
    return ReadableSpan(
        name=span.name,
        context=SpanContext(context.trace_id, context.span_id, context.is_remote, flags, context.trace_state),
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes,
        events=span.events,
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
