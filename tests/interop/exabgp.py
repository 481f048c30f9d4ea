# SPDX-License-Identifier: Apache-2.0
"""ExaBGP keeps no routes: there are none that it could limit or keep over a restart of Porter. What it sends outlives its own."""
from tests.harness import LabCase
from tests.interop.cases import Refreshing, Restarting, RibOnly, Signing, Speaking
from tests.interop.wire import Captured


class ExaBgp(Captured, Restarting, RibOnly, Speaking, Signing, Refreshing, LabCase):
    kind = "exabgp"
    checks_ttl = False  # not on connections that it takes
