# SPDX-License-Identifier: Apache-2.0
"""A bare watcher of Services, to compare with: what the API server's own news takes to arrive.

    python3 -m lab.watcher HOST PORT AUTHORITY CERTIFICATE KEY LOG

Each line of LOG, between tabs: seconds (CLOCK_MONOTONIC), ADDED|MODIFIED|DELETED, the Service's name, the addresses its
status shows, what its conditions say.
"""
import sys
import time

from .api import Api


def main(host, port, authority, certificate, key, path):
    api = Api(host, int(port), authority, certificate, key)
    with open(path, "a") as log:
        while True:
            for event in api.watch("Service", timeout=600):
                now, thing = time.monotonic(), event["object"]
                if event["type"] in ("BOOKMARK", "ERROR"):
                    continue
                items = (thing.get("status", {}).get("loadBalancer") or {}).get("ingress") or []
                shown = ",".join(item.get("ip", "") for item in items)
                said = "; ".join(f"{c['type'].rpartition('/')[2]} {c['reason']}: {c.get('message', '')}"
                                 for c in thing.get("status", {}).get("conditions", []))
                print(f"{now:.6f}", event["type"], thing["metadata"]["name"], shown, said, sep="\t", file=log, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
