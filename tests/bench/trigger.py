# SPDX-License-Identifier: Apache-2.0
"""Tells a daemon, through its own interface, to originate more routes, and notes when it asked.

python3 -m tests.bench.trigger KIND TARGET FIRST SINGLY AT_ONCE OUT: changes one by one, 5 to 15 ms apart, then as many as one.
OUT: when each was asked for (ns, CLOCK_MONOTONIC), a 64-bit number each; one for those at once.

Each kind is a function of TARGET that returns stage(routes); that prepares a change, off the clock, and returns what makes it.
"""
import gc
import os
import random
import socket
import struct
import sys
import time

from .daemons import route, service


def files(folder):
    """Porter: one file a Service, renamed into the folder of manifests."""
    new = folder + ".new"
    os.makedirs(new, exist_ok=True)

    def stage(routes):
        moves = []
        for i in routes:
            name = f"svc-{i}.yaml"
            with open(os.path.join(new, name), "w") as file:
                file.write(service(i, pinned=True))
            moves.append((os.path.join(new, name), os.path.join(folder, name)))

        def change():
            for source, place in moves:
                os.rename(source, place)
        return change
    return stage


def unix(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return connection


def birdconf(target):
    """BIRD: a new file of static routes, then `configure` on the control socket."""
    control, path = target.split(",")
    bird = unix(control)
    bird.recv(4096)
    with open(path) as file:
        lines = file.read()

    def stage(routes):
        nonlocal lines
        lines += "".join(f"route {route(i)}/32 blackhole;\n" for i in routes)
        with open(path + ".new", "w") as file:
            file.write(lines)

        def change():
            os.rename(path + ".new", path)
            bird.sendall(b"configure\n")
            reply = b""
            while not any(line[4:5] == b" " and line[:4].isdigit() for line in reply.split(b"\n")[:-1]):
                reply += bird.recv(4096)
            if b"0003" not in reply and b"0004" not in reply:
                sys.exit(reply.decode())
        return change
    return stage


def vty(path):
    """FRR: bgpd's command socket, held open. A command ends with NUL, its reply with three NULs and a status."""
    bgpd = unix(path)

    def say(command):
        bgpd.sendall(command + b"\0")
        reply = b""
        while reply[-4:-1] != b"\0\0\0":
            reply += bgpd.recv(4096)
        if reply[-1] not in (0, 4):
            sys.exit(f"{command}: {reply}")
    for command in (b"enable", b"configure terminal", b"router bgp 65000", b"address-family ipv4 unicast"):
        say(command)

    def stage(routes):
        commands = [f"network {route(i)}/32".encode() for i in routes]

        def change():
            for command in commands:
                say(command)
        return change
    return stage


def grpc(address):
    """GoBGP: one open channel, protobuf encoded by hand; AddPath for one route, AddPathStream for more."""
    import grpc as library  # python3-grpcio: only here, so that the rest of the rig does without

    def number(value):
        return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + number(value >> 7)

    def octets(field, value):
        return number(field << 3 | 2) + number(len(value)) + value

    def integer(field, value):
        return number(field << 3) + number(value)

    def any_of(kind, value):
        return octets(1, b"type.googleapis.com/apipb." + kind) + octets(2, value)

    def path(i):
        nlri = any_of(b"IPAddressPrefix", integer(1, 32) + octets(2, route(i).encode()))
        attributes = [any_of(b"OriginAttribute", b""), any_of(b"NextHopAttribute", octets(1, b"10.0.0.1"))]
        return octets(3, octets(1, nlri) + b"".join(octets(2, each) for each in attributes) + octets(9, integer(1, 1) + integer(2, 1)))
    channel = library.insecure_channel(address)
    as_is = {"request_serializer": bytes, "response_deserializer": bytes}
    add = channel.unary_unary("/apipb.GobgpApi/AddPath", **as_is)
    stream = channel.stream_unary("/apipb.GobgpApi/AddPathStream", **as_is)
    library.channel_ready_future(channel).result(timeout=20)

    def stage(routes):
        if len(routes) == 1:
            request = path(routes[0])
            return lambda: add(request, timeout=30)
        requests = [b"".join(path(i) for i in routes[at:at + 500]) for at in range(0, len(routes), 500)]
        return lambda: stream(iter(requests), timeout=60)
    return stage


def main():
    kind, target = sys.argv[1:3]
    first, singly, at_once = map(int, sys.argv[3:6])
    stage = {"files": files, "birdconf": birdconf, "vty": vty, "grpc": grpc}[kind](target)
    pauses, asked = random.Random(4242), []
    gc.disable()
    for routes in [range(i, i + 1) for i in range(first, first + singly)] + [range(first + singly, first + singly + at_once)]:
        change = stage(routes)
        if len(routes) != 1:
            time.sleep(0.2)  # what came one by one has been told
        asked.append(time.monotonic_ns())
        change()
        time.sleep(pauses.uniform(0.005, 0.015))
    with open(sys.argv[6], "wb") as file:
        file.write(struct.pack(f"<{len(asked)}Q", *asked))


if __name__ == "__main__":
    main()
