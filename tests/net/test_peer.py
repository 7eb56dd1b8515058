import socket

from whimbrel.net.peer import own_address, peer_address


def test_both_ends_of_a_tcp_connection_are_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
        host, port = client.getsockname()
        assert peer_address(accepted.fileno()) == f"{host}:{port}" == own_address(client.fileno())
        client.close()
        accepted.close()


def test_a_unix_socket_has_no_better_name() -> None:
    one, other = socket.socketpair()
    assert peer_address(one.fileno()) == "unix"
    one.close()
    other.close()


def test_what_is_not_connected_has_no_name() -> None:
    with socket.socket() as lonely:
        assert peer_address(lonely.fileno()) == ""
    assert own_address(-1) == ""
