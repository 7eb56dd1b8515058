"""`whimbrel doctor`."""
