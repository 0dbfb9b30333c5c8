"""What each policy learns: `python -m benchmarks.learning` (`make bench-learning`). Start reading at `runner.py`."""
