"""attune decides which offer to show a customer, now, and gets better with every answer it hears back."""

__version__ = "0.1.0"
