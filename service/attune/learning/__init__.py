"""The learning path: closed decisions -> training log -> policy -> committed version."""
