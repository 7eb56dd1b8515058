"""Whimbrel against the world: real clients, wire scripts checked against the originals, attacks, TTL exactness."""
