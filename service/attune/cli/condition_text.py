"""Conditions as one line of text, for people."""

from attune.v1.condition_pb2 import Condition


def shown(condition: Condition) -> str:
    """Return a condition as text: `a and (b or not c)`."""
    if condition.all:
        return " and ".join(map(_within, condition.all))
    if condition.any:
        return " or ".join(map(_within, condition.any))
    if condition.HasField("negated"):
        return f"not {_within(condition.negated)}"
    return f"segment {condition.segment}" if condition.segment else condition.test


def _within(condition: Condition) -> str:
    return f"({shown(condition)})" if condition.all or condition.any else shown(condition)
