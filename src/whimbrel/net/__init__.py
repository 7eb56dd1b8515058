"""Sockets live here and nowhere else: an epoll loop, listeners, and the stream a connection reads and writes."""
