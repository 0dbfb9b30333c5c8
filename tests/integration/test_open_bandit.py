"""Real input through the whole loop: 10,000 logged decisions of the Open Bandit Dataset, and a restart."""

from pathlib import Path

import pytest
from benchmarks import open_bandit
from benchmarks.open_bandit_client import FIXED_REQUESTS, SAMPLED

ROWS = 10_000
OFFERS = 34


@pytest.mark.timeout(180)
async def test_a_restart_keeps_what_was_decided_heard_and_learned(reference_data: Path, tmp_path: Path) -> None:
    """Streams every row, then compares what the service says before and after it was stopped and started again."""
    report = await open_bandit.run(reference_data, tmp_path)

    # Drawn among 34 offers, the logged one comes up about once in 34 rows; a service that kept no outcomes would not
    # be noticed if it never did.
    assert report.stream.rows == ROWS
    assert report.stream.matched > 0

    before, after = report.before, report.after
    assert (before.decisions, before.interactions, before.learned) == (ROWS, ROWS, ROWS)
    assert before.outcomes == report.stream.matched
    assert before.policy_version > 0
    assert {version for version, _ in before.probabilities} == {before.policy_version}

    # The fixed requests before the restart are decisions, too.
    assert after.decisions == ROWS + FIXED_REQUESTS
    assert (after.outcomes, after.interactions, after.learned) == (before.outcomes, ROWS, ROWS)
    assert after.policy_version == before.policy_version
    assert after.versions == before.versions
    assert len(after.sample) == SAMPLED
    assert after.sample == before.sample

    assert [len(probabilities) for _, probabilities in before.probabilities] == [OFFERS] * FIXED_REQUESTS
    assert after.probabilities == before.probabilities

    # With a learner again, the fixed requests of both sides are learned, each once.
    assert report.learned_in_the_end == ROWS + 2 * FIXED_REQUESTS
