# SPDX-License-Identifier: MIT-0
"""A TCP server with a thread for each connection, which can stop listening and keep its port, also inside a network namespace."""
import ctypes
import os
import socket
import struct
import threading

CLONE_NEWNET = 0x40000000

# A client that is in a TLS handshake ignores that it is asked for one (RFC 5246, 7.4.1.1), by whomever on the way.
IGNORED_IN_HANDSHAKE = b"\x16\x03\x03\x00\x04\x00\x00\x00\x00"


def socket_in(netns, make):
    """What make() returns when it is called inside the network namespace of that name (or right here, without one).

    A socket belongs to the namespace it was made in; only a thread of its own enters it, so nothing else notices.
    """
    if not netns:
        return make()
    result = []

    def enter():
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/run/netns/{netns}", encoding="ascii") as handle:
            if libc.setns(handle.fileno(), CLONE_NEWNET) != 0:
                result.append(OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno())))
                return
        try:
            result.append(make())
        except OSError as error:
            result.append(error)
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if isinstance(result[0], Exception):
        raise result[0]
    return result[0]


class Server:
    """Calls handle(sock) for each connection, in a thread; what it raises as OSError is the client's leaving. Closes sock afterwards.

    The port stays the same for the whole life: a second socket, bound and never listening, holds it while `listening` is False.
    """

    def __init__(self, handle, address="127.0.0.1", port=0, netns=None):
        self._handle = handle
        self._address = address
        self._netns = netns
        self._listener = None
        self._open = set()
        self._lock = threading.Lock()
        self.connections = 0
        self._holder = socket_in(netns, lambda: self._bind(port))
        self.port = self._holder.getsockname()[1]
        self.listen()

    def _bind(self, port):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((self._address, port))
        return sock

    def listen(self):
        if self._listener:
            return
        self._listener = socket_in(self._netns, lambda: self._bind(self.port))
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), name="accept", daemon=True).start()

    def refuse(self):
        """Connections are refused from now on."""
        if self._listener:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept(), which close() would not
            self._listener.close()
            self._listener = None

    def close(self):
        """Also ends the connections that hang on purpose."""
        self.refuse()
        self._holder.close()
        with self._lock:
            for sock in self._open:
                _shutdown(sock)

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            self._handle(sock)
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()


def _shutdown(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def reset(sock):
    """Makes the close of this socket a RST instead of a FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def read_head(sock, limit=65536):
    """Reads up to the empty line that ends a request's headers. Returns None when the client leaves before that."""
    head = b""
    while b"\r\n\r\n" not in head:
        part = sock.recv(4096)
        if not part or len(head) > limit:
            return None
        head += part
    return head.decode("latin-1")


def wait_for_leave(sock):
    """Says nothing until the client is gone."""
    while sock.recv(4096):
        pass
