"""`attune learn` before it learns: what it does to its own process."""

import os
import subprocess
import sys
from pathlib import Path

from blas import MANY, SAY_THREADS

LEARN = """
import sys
from attune.cli import app
code = app.run(["learn", "--redis-url", sys.argv[1]])
"""


def test_a_learner_computes_in_one_thread_whatever_the_environment_says(tmp_path: Path) -> None:
    """Its model must be that of a learner under `attune serve`, to the last bit. Its store is down: it ends at once."""
    code = f"{LEARN}{SAY_THREADS}print(code, said, end='')"
    command = [sys.executable, "-c", code, f"unix://{tmp_path}/none.sock"]
    done = subprocess.run(command, env={**os.environ, **MANY}, capture_output=True, check=True, text=True)
    assert done.stdout == "69 1\n"
    assert "none.sock is out of reach" in done.stderr
