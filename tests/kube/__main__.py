# SPDX-License-Identifier: Apache-2.0
"""Porter in a real cluster: python3 -m tests.kube [bed|manifests|lifecycle|controllers|outage|restarts|watches|silence|laptop|rbac|uninstall|chart|monitoring|scale|soak]"""
import sys

from tests.harness import main
from tools.kube import build

MODULES = ["bed", "manifests", "lifecycle", "controllers", "outage", "restarts", "watches", "silence", "laptop", "rbac", "uninstall", "chart", "monitoring", "scale", "soak"]

if "--inside" not in sys.argv:
    try:
        wanted = sys.argv[1:] or MODULES
        # Out here there is a network, in the spaces of the tests there is none.
        build.provide((*build.NEEDED, *(build.HELM if "chart" in wanted else ())))
    except build.NotAvailable as reason:
        print(f"tests.kube cannot run: {reason}", file=sys.stderr)
        sys.exit(77)
sys.exit(main("tests.kube", MODULES))
