"""The pure core of attune: contextual-bandit policies with exact propensities, rewards and estimators.

Nothing in here touches a network, a clock, the environment or a configuration. Time, randomness and bytes are passed
in. Start reading at `policy.py`.
"""
