# SPDX-License-Identifier: MIT-0
"""A CONNECT proxy, as a company puts one between its hosts and the region."""
import socket
import threading

from .server import Server, read_head, wait_for_leave

REFUSALS = {
    "auth": b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"eins\"\r\nContent-Length: 0\r\n\r\n",
    "forbidden": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    "bad_gateway": b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
}
MODES = ("ok", "silent", *REFUSALS)


class Proxy:
    """Records each request head in `requests`. In mode `ok` a tunnel leads to upstream, (address, port), whatever was asked for: nothing
    leaves this host. Other modes: auth (407), forbidden (403), bad_gateway (502), silent; `refuse()` closes the port for good."""

    def __init__(self, upstream, address="127.0.0.1"):
        self.upstream = upstream
        self.mode = "ok"
        self.requests = []
        self._server = Server(self._serve, address)
        self.port = self._server.port
        self.url = f"http://{address}:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._server.close()

    def refuse(self):
        self._server.refuse()

    @property
    def connections(self):
        return self._server.connections

    def _serve(self, sock):
        head = read_head(sock)
        if head is None:
            return
        self.requests.append(head)
        if self.mode == "silent":
            wait_for_leave(sock)
        elif self.mode in REFUSALS:
            sock.sendall(REFUSALS[self.mode])
            wait_for_leave(sock)
        else:
            self._tunnel(sock)

    def _tunnel(self, sock):
        with socket.create_connection(self.upstream, timeout=60) as upstream:
            upstream.settimeout(None)
            sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_copy, args=(upstream, sock), daemon=True)
            back.start()
            _copy(sock, upstream)
            back.join()


def _copy(source, target):
    """Until one side has left; then the other one is told."""
    try:
        while part := source.recv(65536):
            target.sendall(part)
    except OSError:
        pass
    for sock in (source, target):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
