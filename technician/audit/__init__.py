"""The audit log as a client sees it that does not trust the broker: verify, show, export."""
