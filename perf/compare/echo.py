"""serve PORT: an echo server for many connections. hold HOST PORT COUNT: opens COUNT connections, has one byte echoed on
each, prints "holding", and keeps them until its standard input ends."""

import selectors
import socket
import sys


def serve(port):
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("", port), backlog=8192)
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                connection, _ = listener.accept()
                selector.register(connection, selectors.EVENT_READ)
                continue
            try:
                data = key.fileobj.recv(4096)
            except ConnectionError:
                data = b""
            if data:
                key.fileobj.sendall(data)
            else:
                selector.unregister(key.fileobj)
                key.fileobj.close()


def hold(host, port, count):
    connections = []
    # A few at a time, so that no listen queue overflows and the time is that of the proxies.
    for start in range(0, count, 50):
        batch = [socket.create_connection((host, port), timeout=30) for _ in range(min(50, count - start))]
        for connection in batch:
            connection.sendall(b"x")
        for connection in batch:
            if connection.recv(1) != b"x":
                sys.exit("the connection ended without an echo")
        connections += batch
    print("holding", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        hold(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
