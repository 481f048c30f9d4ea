# SPDX-License-Identifier: Apache-2.0
"""Porter against real routers: python3 -m tests.interop [bird|frr|gobgp|openbgpd|exabgp|advertise|negotiated|wire|abuse|docs]"""
import sys

from tests.harness import main

sys.exit(main("tests.interop", ["bird", "frr", "gobgp", "openbgpd", "exabgp", "advertise", "negotiated", "wire", "abuse", "docs"]))
