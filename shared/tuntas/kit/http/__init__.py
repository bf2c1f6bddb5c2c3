"""HTTP helpers shared by clients and doors."""

import httpx2

LIMITS = httpx2.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=3.0)
"""For every client: a connection idle for 3 s is not used again, because common servers close one after 5 s.

A request that meets the close may have been acted on for all we know: it would leave a step in doubt for nothing.
"""
