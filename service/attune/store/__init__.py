"""The store: everything attune keeps in Redis. The only room that imports redis."""
