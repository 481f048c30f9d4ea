# SPDX-License-Identifier: Apache-2.0
"""A BGP peer that only listens, and notes when it heard what: python3 -m lab.receiver ADDRESS PORT ASN LOG

Each line of LOG: seconds (CLOCK_MONOTONIC, which every process shares), a word, an argument.
    open ADDRESS    a session is up        close REASON    it ended
    update N        an UPDATE with N bytes, then one line for each IPv4 prefix in it:
    + PREFIX        - PREFIX
It negotiates IPv4 and 4-octet AS numbers and nothing else, and takes one session at a time.
"""
import dataclasses
import socket
import struct
import sys
import time

MARKER = b"\xff" * 16
OPEN, UPDATE, NOTIFICATION, KEEPALIVE = 1, 2, 3, 4
HOLD, KEEPALIVE_EVERY = 90, 1.0  # seconds; whatever hold time is negotiated, this keeps it


def message(kind, body=b""):
    return MARKER + struct.pack("!HB", 19 + len(body), kind) + body


def open_message(asn, router_id):
    capabilities = b"\x01\x04\x00\x01\x00\x01" + b"\x41\x04" + struct.pack("!I", asn)
    parameters = bytes((2, len(capabilities))) + capabilities
    return message(OPEN, struct.pack("!BHH4sB", 4, min(asn, 23456), HOLD, socket.inet_aton(router_id), len(parameters)) + parameters)


def prefixes(data):
    """RFC 4271 §4.3: a length in bits, then as many octets as these take."""
    out, at = [], 0
    while at < len(data):
        bits, octets = data[at], (data[at] + 7) // 8
        out.append(f"{socket.inet_ntoa(data[at + 1:at + 1 + octets].ljust(4, bytes(1)))}/{bits}")
        at += 1 + octets
    return out


def parts(body):
    """(withdrawn, announced) of an UPDATE, as prefixes."""
    withdrawn = int.from_bytes(body[:2], "big")
    attributes = int.from_bytes(body[2 + withdrawn:4 + withdrawn], "big")
    return prefixes(body[2:2 + withdrawn]), prefixes(body[4 + withdrawn + attributes:])


def serve(connection, log, asn, router_id):
    def say(word, argument, at=None):
        print(f"{at or time.monotonic():.6f} {word} {argument}", file=log)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(KEEPALIVE_EVERY)
    connection.sendall(open_message(asn, router_id) + message(KEEPALIVE))
    waiting, kept, up = b"", time.monotonic(), False
    while True:
        try:
            data = connection.recv(1 << 20)
        except TimeoutError:
            data = None
        now = time.monotonic()
        if data == b"":
            return say("close", "end of file")
        if now - kept > KEEPALIVE_EVERY:
            connection.sendall(message(KEEPALIVE))
            kept = now
        waiting += data or b""
        while len(waiting) >= 19 and len(waiting) >= int.from_bytes(waiting[16:18], "big"):
            length, kind = struct.unpack("!HB", waiting[16:19])
            body, waiting = waiting[19:length], waiting[length:]
            if kind == KEEPALIVE and not up:
                up = True
                say("open", connection.getpeername()[0], now)
            elif kind == UPDATE:
                gone, come = parts(body)
                say("update", length, now)
                for sign, found in (("-", gone), ("+", come)):
                    for prefix in found:
                        say(sign, prefix, now)
            elif kind == NOTIFICATION:
                say("close", f"NOTIFICATION {body[0]}/{body[1]}", now)
        log.flush()


def main(address, port, asn, path):
    with socket.create_server((address, int(port))) as listener, open(path, "a") as log:
        while True:
            connection, _ = listener.accept()
            with connection:
                try:
                    serve(connection, log, int(asn), address)
                except OSError as error:
                    print(f"{time.monotonic():.6f} close {error}", file=log)
                log.flush()


@dataclasses.dataclass
class Line:
    at: float
    word: str
    argument: str


class Receiver:
    """The receiver as a process on one of the lab's hosts, and what it has written so far."""

    def __init__(self, host, address, path, port=1179, asn=65001):
        self.path, self.lines, self.offset = path, [], 0
        open(path, "w").close()
        self.process = host.spawn(sys.executable, "-m", "lab.receiver", address, port, asn, path, log=path + ".err")

    def read(self):
        """Every Line so far; each is parsed once."""
        with open(self.path) as file:
            file.seek(self.offset)
            text = file.read()
        whole = text[:text.rfind("\n") + 1]
        self.offset += len(whole)
        for line in whole.splitlines():
            at, word, argument = line.split(" ", 2)
            self.lines.append(Line(float(at), word, argument))
        return self.lines

    def since(self, mark):
        return self.read()[mark:]

    def mark(self):
        return len(self.read())

    def table(self):
        """{prefix: when it was announced last} of what is announced now."""
        out = {}
        for line in self.read():
            if line.word == "+":
                out[line.argument] = line.at
            elif line.word == "-":
                out.pop(line.argument, None)
            elif line.word == "open":
                out = {}
        return out


if __name__ == "__main__":
    main(*sys.argv[1:])
