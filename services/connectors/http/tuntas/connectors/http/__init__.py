"""An in-house API in any language as a provider: what it can do is a YAML manifest, how it is spoken to is JSON over HTTP."""
