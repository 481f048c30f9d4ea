# SPDX-License-Identifier: Apache-2.0
"""Porter's lab: a client, routers and nodes as network namespaces on one Linux machine.

  space.py    a private set of network, mount and process namespaces; hosts, links, commands in them
  routers.py  BIRD, FRR and GoBGP as the other end: configuration, sessions, routes
  nodes.py    what a node of a cluster does in the lab: web servers behind a rule that stands for kube-proxy
  porter.py   Porter itself: manifests, start, kill, questions
  topology.py all of it put together
  cluster.py  a real Kubernetes control plane; pki.py its certificates, api.py a client of it
  api_proxy.py between a client and the API server: late, lost, wrong answers, broken watches
  kube_topology.py  a cluster, a router and nodes that are namespaces, each with its `porter speaker`
  demo.py     `make demo`;  cli.py: `make lab` and its verbs

Python's standard library only. The interop tests under tests/ use the same code.
"""
