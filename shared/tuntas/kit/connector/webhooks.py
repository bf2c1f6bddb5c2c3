"""Whether a webhook's bytes come from the provider: HMAC-SHA256 over the body as it arrived, compared in constant time."""

import hashlib
import hmac

from starlette.requests import Request

from tuntas.kit.app import Resources


def signed(resources: Resources, request: Request, body: bytes) -> bool:
    """Verify the header `X-Signature` (hex) with the connector's webhook secret."""
    secret = resources.settings.webhook_secret.get_secret_value().encode()
    return hmac.compare_digest(hmac.new(secret, body, hashlib.sha256).hexdigest().encode(), request.headers.get("x-signature", "").encode())
