"""The agent: runs on the helped person's machine and does only what that person agreed to."""
