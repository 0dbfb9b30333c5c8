"""Reports of placements: what the policy earned beside its control group, and what it cost."""
