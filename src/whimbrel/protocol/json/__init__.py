"""JSON, walked as a stream."""
