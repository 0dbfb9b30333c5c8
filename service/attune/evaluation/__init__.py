"""Evaluation: what other policies would have earned on a log, and how sure that is."""
