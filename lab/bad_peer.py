# SPDX-License-Identifier: Apache-2.0
"""BGP peers that nobody wants: python3 -m lab.bad_peer WORD ADDRESS ASN

    flood     announces a million prefixes as fast as it can, withdraws them, and begins again
    stall     stops in the middle of an UPDATE, and leaves the connection open
    deaf      reads nothing behind its handshake, and keeps the session by KEEPALIVEs
    stranger  is no peer at all: opens connections to port 17900 of ADDRESS, thousands a second

The first three wait on port 179 of ADDRESS for Porter to dial. Each prints what it has done, a line a second.
"""
import socket
import struct
import sys
import threading
import time

from .receiver import KEEPALIVE, UPDATE, message, open_message

PREFIXES, IN_ONE = 1_000_000, 800
PORT = 17900  # of Porter


def attributes(asn, address):
    path = struct.pack("!BBI", 2, 1, asn)
    return b"\x40\x01\x01\x00" + b"\x40\x02" + bytes((len(path),)) + path + b"\x40\x03\x04" + socket.inet_aton(address)


def update(withdrawn=b"", attributes=b"", announced=b""):
    return message(UPDATE, struct.pack("!H", len(withdrawn)) + withdrawn + struct.pack("!H", len(attributes)) + attributes + announced)


def batches():
    for first in range(0, PREFIXES, IN_ONE):
        yield b"".join(b"\x20" + struct.pack("!I", 0x0B000000 + i) for i in range(first, min(PREFIXES, first + IN_ONE)))


def drain(connection):
    while connection.recv(1 << 16):
        pass


def handshake(connection, asn, address):
    connection.sendall(open_message(asn, address) + message(KEEPALIVE))


def flood(connection, asn, address):
    threading.Thread(target=drain, args=(connection,), daemon=True).start()
    whole, sent, said = attributes(asn, address), 0, 0.0
    messages = [[update(attributes=whole, announced=each) for each in batches()], [update(withdrawn=each) for each in batches()]]
    while True:
        for round_of in messages:
            for octets in round_of:
                connection.sendall(octets)
                sent += 1
                if time.monotonic() - said > 1:
                    said = time.monotonic()
                    connection.sendall(message(KEEPALIVE))
                    print(f"{sent} UPDATEs of up to {IN_ONE} prefixes", flush=True)


def stall(connection, asn, address):
    connection.sendall(update(attributes=attributes(asn, address), announced=b"\x20\x0b\x00\x00\x01")[:40])
    print("half an UPDATE", flush=True)
    drain(connection)


def deaf(connection, _asn, _address):
    while True:
        time.sleep(1)
        connection.sendall(message(KEEPALIVE))
        print("a KEEPALIVE", flush=True)


def stranger(address):
    count, said = 0, time.monotonic()
    while True:
        with socket.socket() as dialled:
            dialled.setblocking(False)
            dialled.connect_ex((address, PORT))
            time.sleep(0)
        count += 1
        if time.monotonic() - said > 1:
            said = time.monotonic()
            print(f"{count} connections", flush=True)


def main(word, address, asn):
    if word == "stranger":
        return stranger(address)
    behaviour = {"flood": flood, "stall": stall, "deaf": deaf}[word]
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if word == "deaf":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind((address, 179))
        listener.listen()
        while True:
            connection, _ = listener.accept()
            with connection:
                try:
                    handshake(connection, int(asn), address)
                    behaviour(connection, int(asn), address)
                except OSError as error:
                    print(f"ended: {error}", flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
