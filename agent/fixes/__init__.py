"""Approved fixes: verified, planned, run, verified again, undone. The root helper uses the same rooms."""
