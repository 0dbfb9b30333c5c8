"""Measurements of the running service: `python -m benchmarks` and `python -m benchmarks.open_bandit`."""
