# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at random points of 500 assignments: python3 -m tests.crash"""
import sys

from tests.harness import main

sys.exit(main("tests.crash", ["sigkill"]))
