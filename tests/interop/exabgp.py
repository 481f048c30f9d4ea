# SPDX-License-Identifier: Apache-2.0
"""ExaBGP keeps no routes: there are none that it could limit, ask for again or keep over a restart."""
from tests.harness import LabCase
from tests.interop.cases import RibOnly, Signing, Speaking


class ExaBgp(RibOnly, Speaking, Signing, LabCase):
    kind = "exabgp"
    checks_ttl = False  # not on connections that it takes
