"""Real input through the whole loop: logged decisions of the Open Bandit Dataset, and a restart."""

from pathlib import Path

import pytest
from benchmarks import open_bandit
from benchmarks.open_bandit_client import FIXED_REQUESTS, SAMPLED

OFFERS = 34


@pytest.mark.timeout(180)
@pytest.mark.parametrize("n_rows", [250, pytest.param(10_000, marks=pytest.mark.long)])
async def test_a_restart_keeps_what_was_decided_heard_and_learned(
    reference_data: Path, tmp_path: Path, n_rows: int
) -> None:
    """Streams rows, all in the long version; then compares what the service says before and after a restart."""
    report = await open_bandit.run(reference_data, tmp_path, n_rows)

    # Drawn among 34 offers, the logged one comes up about once in 34 rows; a service that kept no outcomes would not
    # be noticed if it never did.
    assert report.stream.rows == n_rows
    assert report.stream.matched > 0

    before, after = report.before, report.after
    assert (before.decisions, before.interactions, before.learned) == (n_rows, n_rows, n_rows)
    assert before.outcomes == report.stream.matched
    assert before.policy_version > 0
    assert {version for version, _ in before.probabilities} == {before.policy_version}

    # The fixed requests before the restart are decisions, too.
    assert after.decisions == n_rows + FIXED_REQUESTS
    assert (after.outcomes, after.interactions, after.learned) == (before.outcomes, n_rows, n_rows)
    assert after.policy_version == before.policy_version
    assert after.versions == before.versions
    assert len(after.sample) == SAMPLED
    assert after.sample == before.sample

    assert [len(probabilities) for _, probabilities in before.probabilities] == [OFFERS] * FIXED_REQUESTS
    assert after.probabilities == before.probabilities

    # With a learner again, the fixed requests of both sides are learned, each once.
    assert report.learned_in_the_end == n_rows + 2 * FIXED_REQUESTS
