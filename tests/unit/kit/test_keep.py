"""Spans of traces that were not sampled: held, exported when kept, forgotten when dropped, never too many."""

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, Tracer

from tuntas.kit.telemetry.keep import Keeper, RecordingSampler
from tuntas.kit.telemetry.trace import parent_of, traceparent_of


class Kept:
    """A keeper between a tracer and a memory."""

    def __init__(self, ratio: float, most: int = 100) -> None:
        self._memory = InMemorySpanExporter()
        self.keeper = Keeper(SimpleSpanProcessor(self._memory), most)
        provider = TracerProvider(sampler=RecordingSampler(ratio), shutdown_on_exit=False)
        provider.add_span_processor(self.keeper)
        self.tracer: Tracer = provider.get_tracer("test")

    def span(self, name: str, traceparent: str = "", kind: SpanKind = SpanKind.CONSUMER) -> tuple[str, int]:
        """Make and end a span; return its `traceparent` and trace id."""
        span = self.tracer.start_span(name, parent_of(traceparent), kind)
        span.end()
        return traceparent_of(span), span.get_span_context().trace_id

    @property
    def names(self) -> list[str]:
        return [span.name for span in self._memory.get_finished_spans()]


def test_a_sampled_span_is_exported_at_once() -> None:
    kept = Kept(1)
    kept.span("a")
    assert (kept.names, kept.keeper.count) == (["a"], 0)


def test_a_callers_decision_is_respected() -> None:
    kept = Kept(1)
    kept.span("a", f"00-{'1' * 32}-{'2' * 16}-00")
    assert (kept.names, kept.keeper.count) == ([], 1)


def test_what_is_not_sampled_is_exported_when_its_trace_is_kept_and_so_is_what_follows() -> None:
    kept = Kept(0)
    parent, trace_id = kept.span("a")
    kept.span("b", parent)
    kept.span("other")
    assert (parent[-2:] in {"00", "02"}, kept.names) == (True, [])
    kept.keeper.keep(trace_id)
    kept.span("c", parent)
    assert (kept.names, kept.keeper.count) == (["a", "b", "c"], 1)


def test_a_dropped_trace_is_forgotten() -> None:
    kept = Kept(0)
    _, trace_id = kept.span("a")
    kept.keeper.drop(trace_id)
    kept.keeper.keep(trace_id)
    assert (kept.names, kept.keeper.count) == ([], 0)


def test_no_more_than_so_many_spans_are_held_and_the_oldest_trace_goes_first() -> None:
    kept = Kept(0, most=3)
    traces = [kept.span(str(n))[1] for n in range(5)]
    assert kept.keeper.count == 3
    for trace_id in traces:
        kept.keeper.keep(trace_id)
    assert kept.names == ["2", "3", "4"]


def test_a_span_of_no_task_is_not_held() -> None:
    kept = Kept(0)
    kept.span("batch", kind=SpanKind.INTERNAL)
    assert kept.keeper.count == 0
