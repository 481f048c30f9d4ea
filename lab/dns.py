# SPDX-License-Identifier: Apache-2.0
"""A cluster's DNS, no more of it than Pods need that call a Service by its name: python3 -m lab.dns ADDRESS PORT AUTHORITY CERTIFICATE KEY

Answers A and AAAA for SERVICE.NAMESPACE.svc.cluster.local, asked of the API server at ADDRESS each time, and NXDOMAIN for all else.
"""
import ipaddress
import socket
import struct
import sys

from .api import Api
from .space import die_with_parent

DOMAIN = ["svc", "cluster", "local"]
KINDS = {1: 4, 28: 6}  # A, AAAA
SECONDS = 5
RESPONSE, NO_SUCH_NAME = 0x8580, 0x8583  # authoritative, recursion desired and available


def question(query):
    """([labels], type, where it ends)."""
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
        at += 1 + query[at]
    return labels, struct.unpack_from(">H", query, at + 1)[0], at + 5


def addresses(api, labels):
    """None where there is no such Service."""
    if labels[2:] != DOMAIN:
        return None
    service = api.get("Service", labels[0], labels[1])
    return service and [ipaddress.ip_address(a) for a in service["spec"].get("clusterIPs", []) if a != "None"]


def answer(api, query):
    labels, kind, end = question(query)
    found = addresses(api, labels)
    records = [a.packed for a in found or [] if a.version == KINDS.get(kind)]
    head = struct.pack(">HHHHH", NO_SUCH_NAME if found is None else RESPONSE, 1, len(records), 0, 0)
    # 0xc00c: the name of the question.
    return query[:2] + head + query[12:end] + b"".join(struct.pack(">HHHIH", 0xc00c, kind, 1, SECONDS, len(r)) + r for r in records)


def main(address, port, authority, certificate, key):
    api = Api(address, int(port), authority, certificate, key)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 53))
    while True:
        query, client = server.recvfrom(4096)
        try:
            server.sendto(answer(api, query), client)
        except Exception as reason:  # whatever one query was, the next one is answered
            print(f"{client[0]}: {reason!r}", flush=True)


if __name__ == "__main__":
    die_with_parent()
    main(*sys.argv[1:])
