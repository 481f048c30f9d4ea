# SPDX-License-Identifier: Apache-2.0
"""A second opinion on the octets: what Porter sends in a test is decoded by tshark, and has to be flawless there."""
import os
import re
import sys

from lab.space import run, stop
from tests.harness import LabCase

PORTS = (179, 17900)
PORTER = "ip.src == 172.30.0.11 || ipv6.src == fd00:30::11 || ipv6.src == fe80::11"
WARNING = 0x600000     # severities of Wireshark's expert information, from here on
SEQUENCE = 0x2000000   # its group about TCP: a lost session is what some tests are about


def is_complaint(severity, group, message):
    """tshark 4.0 takes the longer messages of RFC 8654 for wrong; a router that did not ask for them ends the session."""
    length = re.fullmatch(r"Length is invalid (\d+)", message)
    is_extended = length and 4096 < int(length[1]) <= 65535
    return int(severity, 0) >= WARNING and int(group, 0) != SEQUENCE and not is_extended


class Captured:
    """Mixed into a LabCase before everything else."""

    def make_lab(self, *words, **how):
        made = super().make_lab(*words, **how)
        self.packets = os.path.join(made.folder, "bgp.pcap")
        self.capture = self.router.host.spawn(
            "tcpdump", "-i", "eth0", "--immediate-mode", "-U", "-Z", "root", "-w", self.packets,
            " or ".join(f"tcp port {port}" for port in PORTS), log=os.path.join(made.folder, "tcpdump.log"))
        self.wait("the capture", lambda: os.path.exists(self.packets) and os.path.getsize(self.packets) >= 24)
        return made

    def tearDown(self):
        super().tearDown()
        if not hasattr(self, "capture"):
            return
        stop(self.capture)
        frames = self.decoded()
        self.assertTrue(frames, "tshark saw no BGP from Porter")
        self.assertEqual([complaint for _, complaint in frames if complaint], [])

    def decoded(self):
        """(frame, what tshark complains about in it) of every frame with BGP from Porter."""
        fields = [word for name in ("number", "severity", "group", "message")
                  for word in ("-e", "frame.number" if name == "number" else f"_ws.expert.{name}")]
        done = run("tshark", "-n", "-r", self.packets, *(word for port in PORTS for word in ("-d", f"tcp.port=={port},bgp")),
                   "-Y", f"bgp && ({PORTER})", "-T", "fields", "-E", "separator=|", "-E", "aggregator=^", *fields, timeout=60)
        frames = []
        for line in done.stdout.splitlines():
            number, severities, groups, message = line.split("|", 3)
            marks = zip(severities.split("^"), groups.split("^"), message.split("^")) if severities else ()
            is_bad = any(is_complaint(*mark) for mark in marks)
            frames.append((number, f"frame {number}: {message}" if is_bad else ""))
        return frames


class Decoder(Captured, LabCase):
    """tshark itself: it sees what is wrong."""

    SAY = """
import socket
sent = socket.create_connection(("172.30.0.1", 179), 5)
marker = b"\\xff" * 16
sent.sendall(marker + bytes.fromhex("001d01" "04" "fde8" "0009" "ac1e000b" "00"))
sent.sendall(marker + bytes.fromhex("{update}"))
sent.recv(1)
"""
    HEAR = """
import socket
heard = socket.create_server(("172.30.0.1", 179)).accept()[0]
left = {octets}
while left:
    left -= len(heard.recv(left))
"""

    def say(self, update):
        """An OPEN and an UPDATE from n1, as hexadecimal behind the marker."""
        self.make_lab("bird")
        octets = 29 + 16 + len(update) // 2
        hearing = self.router.host.spawn(sys.executable, "-c", self.HEAR.format(octets=octets))
        self.wait("a listener", lambda: self.router.host.exec("ss", "-ltnH", "sport = 179").stdout)
        self.lab.nodes[0].exec(sys.executable, "-c", self.SAY.format(update=update), check=False)
        hearing.wait(10)

    def test_what_is_right_is_right(self):
        self.say("001702" "0000" "0000")

    def test_what_is_wrong_is_seen(self):
        self.say("001b02" "0000" "0004" "4001ff05")  # ORIGIN of 255 octets
        self.wait("the complaint", lambda: any(complaint for _, complaint in self.decoded()))
        del self.capture  # tearDown() would call it a failure
