# SPDX-License-Identifier: Apache-2.0
"""Six set-ups that do not work, and what `porter explain` says of each: python3 -m lab broken [FILE]

With FILE (docs/troubleshooting.md) the blocks between its markers are replaced by what was really printed.
"""
import re
import tempfile

from . import porter
from .space import wait_for
from .topology import Lab

ALL = ["n1", "n2", "n3"]


def explained(p, service, word):
    """The explanation, once it names the reason."""
    return wait_for(f"{word} for {service}", lambda: (lambda text: text if word in text else None)(
        p.ask("explain", "service", service, check=False).stdout), 60)


def no_pool(lab):
    lab.porter.remove("pools")
    lab.porter.write("cart", porter.service("cart", namespace="shop"), porter.endpoints("cart", ALL, namespace="shop"))
    return "shop/cart", "NoPool"


def pool_full(lab):
    lab.porter.write("pools", porter.eip("edge", "198.51.100.8/30"), porter.eip("lan", "198.51.100.64/26"))
    edge = {"eip.openelb.kubesphere.io/v1alpha2": "edge"}
    for name, namespace in (("web", "shop"), ("api", "shop"), ("dns", "infra"), ("mail", "infra")):
        lab.porter.write(f"{namespace}-{name}", porter.service(name, namespace=namespace, annotations=edge),
                         porter.endpoints(name, ["n1", "n2"], namespace=namespace))
        service = f"{namespace}/{name}"  # one after the other, so that each has the address it is printed with
        wait_for(f"an address for {service}", lambda service=service: lab.porter.address_of(service))
    lab.porter.write("cart", porter.service("cart", namespace="shop", annotations=edge),
                     porter.endpoints("cart", ["n1", "n2"], namespace="shop"))
    return "shop/cart", "PoolExhausted"


def no_ready_endpoint(lab):
    lab.porter.write("web", porter.service("web"), porter.endpoints("web", ALL, ready=False))
    return "default/web", "NoReadyEndpoints"


def node_excluded(lab):
    lab.porter.write("nodes", *(porter.node(n.name, [f"172.30.0.{11 + i}"], labels={
        "node.kubernetes.io/exclude-from-external-load-balancers": ""}) for i, n in enumerate(lab.nodes)))
    lab.porter.write("web", porter.service("web"), porter.endpoints("web", ALL))
    return "default/web", "NoCandidateNode"


def peer_down(lab):
    lab.porter.write("web", porter.service("web"), porter.endpoints("web", ALL))
    explained(lab.porter, "default/web", "announced at")
    lab.router.disable("172.30.0.11", "cable work in rack 7")
    return "default/web", "cable work in rack 7"


def no_add_path(lab):
    lab.router.settings.neighbors[0].add_path = False
    lab.router.reconfigure()
    lab.porter.write("web", porter.service("web"), porter.endpoints("web", ALL))
    wait_for("a session without ADD-PATH", lambda: lab.router.established("172.30.0.11"))
    return "default/web", "172.30.0.1 sent, 1 path: the peer cannot"


SETUPS = (no_pool, pool_full, no_ready_endpoint, node_excluded, peer_down, no_add_path)


def printed(setup):
    """What porter explain prints for one of the set-ups, in a lab of its own."""
    with tempfile.TemporaryDirectory(prefix="porter-broken-") as folder:
        lab = Lab(folder)
        try:
            p = lab.porter
            p.write("bgp", porter.conf(), porter.peer("tor", "172.30.0.1"))
            p.write("nodes", *lab.node_objects())
            p.write("pools", porter.eip("lan", "198.51.100.64/26"))
            lab.router.start()
            p.start()
            lab.router.wait_established("172.30.0.11")
            service, word = setup(lab)
            return f"$ porter explain service {service}\n{explained(p, service, word)}"
        finally:
            lab.stop()


def main(path=None):
    blocks = {setup.__name__: printed(setup) for setup in SETUPS}
    if path is None:
        print("\n".join(blocks.values()))
        return 0
    with open(path) as file:
        text = file.read()
    for name, block in blocks.items():
        text, count = re.subn(rf"(<!-- {name} -->\n```\n).*?(```\n)", lambda m, b=block: m[1] + b + m[2], text, flags=re.S)
        if count != 1:
            raise SystemExit(f"{path}: no block <!-- {name} -->")
    with open(path, "w") as file:
        file.write(text)
    return 0
