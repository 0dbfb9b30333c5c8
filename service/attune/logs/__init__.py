"""Logs in and out: exports, imports, and the samples that an evaluation reads."""
