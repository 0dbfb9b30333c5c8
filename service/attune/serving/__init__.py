"""The decision path: eligible offers -> features -> policy -> draw -> journal."""
