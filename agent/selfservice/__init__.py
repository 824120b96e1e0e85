"""Self-service: the user's own look at their own machine, without a technician (docs/adr/0018)."""
