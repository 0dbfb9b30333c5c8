"""Reports of evaluations: values, JSON, and a page with charts."""
