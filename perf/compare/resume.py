"""HOST PORT NAME PATH SECONDS: four clients, each making one HTTPS connection after the other with one request on each, each
resuming the session of the one before. Prints how many there were; fails when one was not resumed."""

import multiprocessing
import socket
import ssl
import sys
import time

CLIENTS = 4


def client(host, port, name, path, seconds):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    request = f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode("ascii")
    session, count = None, 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.create_connection((host, port), timeout=10) as transport:
            with context.wrap_socket(transport, server_hostname=name, session=session, suppress_ragged_eofs=True) as connection:
                connection.sendall(request)
                answer = connection.recv(4096)
                while connection.recv(4096):
                    pass
                if not answer.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(f"answered {answer[:100]}")
                if session and not connection.session_reused:
                    raise RuntimeError("a session was not resumed")
                session = connection.session
                count += 1
    return count


if __name__ == "__main__":
    work = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], float(sys.argv[5])
    with multiprocessing.Pool(CLIENTS) as clients:
        print(sum(clients.starmap(client, [work] * CLIENTS)))
