"""Redaction: one rule set on every channel (4-domain.md, "Redaction classes").

Agents redact at the source (``agent.redaction`` adds what a machine knows by name); the broker uses the same
rules on what people wrote before it becomes an article.

Nothing is imported here: the rules are a third of a command's start, and most commands redact nothing.
"""
