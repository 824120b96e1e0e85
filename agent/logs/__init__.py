"""Searching and following logs: files below the log folders, and journald.

Runs as a child process (``python -m agent.logs``) at low priority, so that the session's worker stays
responsive, a cancelled search dies at once, and back-pressure is a full pipe.
"""
