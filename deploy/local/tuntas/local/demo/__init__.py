"""The demo: stories that go through the whole platform, each judged by its receipt and by an outside auditor."""
