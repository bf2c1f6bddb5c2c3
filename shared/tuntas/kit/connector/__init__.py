"""What a connector's author does not write: keys, duplicates, tombstones, doubt, approvals, webhooks."""
