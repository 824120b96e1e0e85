"""Trend facts: what this machine tells by itself once its owner said so, sampled hourly, sent in batches."""
