"""The checks of a guard (`attune.serving.guard`), one kind a module."""
