"""HTTP/2 by hand, frame by frame, for what no library would say."""

import socket
import struct
import time

DATA, HEADERS, PRIORITY, RST, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
NO_ERROR = 0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GRPC_STATUS = bytes.fromhex("9acac8b21234da8f")  # "grpc-status" in HPACK's Huffman code


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A header that enters no table."""
    def text(s):
        assert len(s) < 127
        return bytes([len(s)]) + s.encode()
    return b"\0" + text(name) + text(value)


def request(path="/layercensus.v1.Census/Report", method="POST"):
    return b"".join(literal(*pair) for pair in (
        (":method", method), (":scheme", "http"), (":path", path), (":authority", "collector"),
        ("content-type", "application/grpc"), ("te", "trailers")))


def grpc_message(data):
    return b"\0" + struct.pack(">I", len(data)) + data


class Peer:
    """One end of a connection, and what the other end said on it."""

    def __init__(self, connection, skip=0):
        self.socket = connection
        self.skip = skip  # bytes to come that are no frames: a client's preface
        self.patience = 5  # seconds for one send
        self.seen = b""
        self.goaway = None
        self.resets, self.statuses, self.frames = {}, {}, []
        self.closed = False

    def send(self, data):
        """False where the other end has closed, or reads nothing any more."""
        self.socket.settimeout(self.patience)
        try:
            self.socket.sendall(data)
            return True
        except (ConnectionError, TimeoutError):
            return False

    def open(self, stream=1, path="/layercensus.v1.Census/Report"):
        return self.send(frame(HEADERS, END_HEADERS, stream, request(path)))

    def listen(self, done, seconds):
        """Reads until done(self), the end, or the time is over; returns done(self)."""
        deadline = time.monotonic() + seconds
        while not done(self) and not self.closed and time.monotonic() < deadline:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                break
            except ConnectionError:
                data = b""
            self.closed = data == b""
            self.seen += data[self.skip:]
            self.skip = max(0, self.skip - len(data))
            self.parse()
        return done(self)

    def parse(self):
        while len(self.seen) >= 9:
            length = int.from_bytes(self.seen[:3], "big")
            kind, flags, stream = self.seen[3], self.seen[4], int.from_bytes(self.seen[5:9], "big")
            if len(self.seen) < 9 + length:
                return
            payload, self.seen = self.seen[9:9 + length], self.seen[9 + length:]
            self.frames.append((kind, flags, stream))
            if kind == GOAWAY:
                code = int.from_bytes(payload[4:8], "big")
                self.goaway = code if self.goaway in (None, NO_ERROR) else self.goaway
            elif kind == SETTINGS and not flags & ACK:
                self.send(frame(SETTINGS, ACK))
            elif kind == RST:
                self.resets[stream] = int.from_bytes(payload, "big")
            elif kind == HEADERS and GRPC_STATUS in payload:
                at = payload.index(GRPC_STATUS) + len(GRPC_STATUS)
                self.statuses[stream] = payload[at + 1:at + 1 + payload[at]].decode(errors="replace")

    def ended(self, seconds=5):
        return self.listen(lambda p: p.closed, seconds)

    def close(self):
        self.socket.close()

    def __str__(self):
        return (f"closed {self.closed}, goaway {self.goaway}, {len(self.resets)} resets, statuses "
                f"{self.statuses}, last frames {self.frames[-3:]}")


def connected(address, settings=b"", preface=True):
    """A client of a server at this address."""
    peer = Peer(socket.create_connection(address, timeout=10))
    if preface:
        peer.send(PREFACE + frame(SETTINGS, payload=settings))
    return peer


def accepted(listener, settings=b"", seconds=20):
    """A server of the next client that comes."""
    listener.settimeout(seconds)
    peer = Peer(listener.accept()[0], skip=len(PREFACE))
    peer.send(frame(SETTINGS, payload=settings))
    return peer
