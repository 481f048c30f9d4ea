# SPDX-License-Identifier: Apache-2.0
"""Porter in a real cluster: python3 -m tests.kube [bed|manifests|lifecycle|controllers|outage|restarts|watches|silence|laptop|rbac|uninstall|chart|monitoring|quickstart|installed|openelb|scale|soak]"""
import sys

from tests.harness import main
from tools.kube import build

MODULES = ["installed", "controllers", "openelb", "bed", "lifecycle", "quickstart", "manifests", "outage", "restarts", "watches", "silence",
           "laptop", "rbac", "uninstall", "chart", "monitoring", "scale", "soak"]
WITH_NODES = {"installed", "openelb", "quickstart"}
WITH_HELM = {"chart", *WITH_NODES}

if "--inside" not in sys.argv:
    try:
        wanted = sys.argv[1:] or MODULES
        # Out here there is a network, in the spaces of the tests there is none.
        build.provide((*build.NEEDED, *(build.HELM if WITH_HELM & set(wanted) else ()), *(build.NODES if WITH_NODES & set(wanted) else ())))
    except build.NotAvailable as reason:
        print(f"tests.kube cannot run: {reason}", file=sys.stderr)
        sys.exit(77)
sys.exit(main("tests.kube", MODULES))
