# SPDX-License-Identifier: Apache-2.0
"""The Kubernetes API without a library: JSON over connections that are kept, fast enough for thousands of objects."""
import concurrent.futures
import http.client
import json
import select
import ssl
import threading
import urllib.parse

from .space import Failure

CLUSTER_SCOPED = {"Namespace", "Node", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "IPAddress",
                  "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicy",
                  "ValidatingAdmissionPolicyBinding", "APIService", "PriorityClass",
                  "Eip", "BgpConf", "BgpPeer", "BgpAdvertisement", "EipAddress", "BgpNodeState"}
VERSIONS = {"Namespace": "v1", "Node": "v1", "Service": "v1", "Secret": "v1", "ConfigMap": "v1", "Pod": "v1", "ServiceAccount": "v1",
            "Event": "events.k8s.io/v1", "EndpointSlice": "discovery.k8s.io/v1", "Lease": "coordination.k8s.io/v1",
            "Role": "rbac.authorization.k8s.io/v1", "RoleBinding": "rbac.authorization.k8s.io/v1",
            "ClusterRole": "rbac.authorization.k8s.io/v1", "ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
            "CustomResourceDefinition": "apiextensions.k8s.io/v1", "IPAddress": "networking.k8s.io/v1",
            "Deployment": "apps/v1", "DaemonSet": "apps/v1",
            "ValidatingWebhookConfiguration": "admissionregistration.k8s.io/v1",
            **{kind: "network.kubesphere.io/v1alpha2" for kind in ("Eip", "BgpConf", "BgpPeer", "BgpAdvertisement", "EipAddress",
                                                                   "BgpNodeState")}}
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
JSON_PATCH, STRATEGIC = "application/json-patch+json", "application/strategic-merge-patch+json"


class ApiError(Failure):
    """An answer that is not 2xx."""

    def __init__(self, method, path, status, answer):
        self.status, self.answer = status, answer
        self.reason = answer.get("reason", "") if isinstance(answer, dict) else ""
        message = answer.get("message", answer) if isinstance(answer, dict) else answer
        super().__init__(f"{method} {path}: {status} {str(message)[:500]}")


def plural(kind):
    lower = kind.lower()
    if lower.endswith("s"):
        return lower + "es"
    return lower[:-1] + "ies" if lower.endswith("y") else lower + "s"


def path_of(kind, name=None, namespace=None, version=None, subresource=None):
    """The URL path of one object, or of the collection."""
    version = version or VERSIONS[kind]
    parts = ["/api" if "/" not in version else "/apis", version]
    if kind not in CLUSTER_SCOPED and namespace:
        parts += ["namespaces", namespace]
    parts += [part for part in (plural(kind), name and urllib.parse.quote(name), subresource) if part]
    return "/".join(parts)


def where(thing):
    """path_of()'s arguments for an object."""
    metadata, kind = thing["metadata"], thing["kind"]
    namespace = None if kind in CLUSTER_SCOPED else metadata.get("namespace", "default")
    return {"kind": kind, "name": metadata["name"], "namespace": namespace, "version": thing.get("apiVersion")}


class Tls(ssl.SSLContext):
    """Takes an end without a close_notify for the loss that it is: ssl would pass it off as the end of the answer."""

    def wrap_socket(self, sock, **how):
        return super().wrap_socket(sock, suppress_ragged_eofs=False, **how)


class Api:
    """One identity at one server. Threads may share it: each has a connection of its own."""

    def __init__(self, host, port, authority, certificate=None, key=None, token=None, timeout=30):
        self.host, self.port, self.timeout, self.token = host, port, timeout, token
        self.tls = Tls(ssl.PROTOCOL_TLS_CLIENT)
        self.tls.load_verify_locations(authority)
        if certificate:
            self.tls.load_cert_chain(certificate, key)
        self.local = threading.local()

    def connect(self, timeout=None):
        return http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=timeout or self.timeout)

    def headers(self, content=None):
        out = {"Accept": "application/json"}
        if self.token:
            out["Authorization"] = f"Bearer {self.token}"
        if content:
            out["Content-Type"] = content
        return out

    def kept(self):
        """This thread's connection if it is still good: a server that has gone leaves an end of file to be read."""
        connection = getattr(self.local, "connection", None)
        if connection is None or connection.sock is None:
            return None
        poll = select.poll()
        poll.register(connection.sock, select.POLLIN)
        if poll.poll(0):
            connection.close()
            return None
        return connection

    def send(self, method, path, body=None, content="application/json"):
        """(status, decoded answer). Nothing is sent twice: what was lost is for the caller to know."""
        text = json.dumps(body) if body is not None else None
        connection = self.local.connection = self.kept() or self.connect()
        try:
            connection.request(method, path, text, self.headers(content if body is not None else None))
            answer = connection.getresponse()
            raw = answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            self.local.connection = None
            raise
        try:
            return answer.status, json.loads(raw) if raw else {}
        except ValueError:
            return answer.status, raw.decode(errors="replace")

    def ask(self, method, path, body=None, content="application/json"):
        status, answer = self.send(method, path, body, content)
        if not 200 <= status < 300:
            raise ApiError(method, path, status, answer)
        return answer

    def ready(self):
        try:
            return self.send("GET", "/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def get(self, kind, name, namespace="default", **how):
        """The object, or None where there is none."""
        path = path_of(kind, name, namespace, **how)
        status, answer = self.send("GET", path)
        if status == 404:
            return None
        if status != 200:
            raise ApiError("GET", path, status, answer)
        return answer

    def list(self, kind, namespace=None, version=None, **query):
        """The items, each with its kind (lists leave it out)."""
        items, more = [], {"limit": 5000, **query}
        while True:
            answer = self.ask("GET", path_of(kind, namespace=namespace, version=version) + "?" + urllib.parse.urlencode(more))
            items += answer["items"]
            token = answer["metadata"].get("continue")
            if not token:
                break
            more["continue"] = token
        for item in items:
            item.setdefault("kind", kind)
            item.setdefault("apiVersion", version or VERSIONS[kind])
        return items

    def create(self, thing):
        return self.ask("POST", path_of(**{**where(thing), "name": None}), thing)

    def replace(self, thing, subresource=None):
        return self.ask("PUT", path_of(**where(thing), subresource=subresource), thing)

    def apply(self, thing, manager="lab", subresource=None, force=True):
        """Server-side apply: creates or changes."""
        query = urllib.parse.urlencode({"fieldManager": manager, "force": str(force).lower()})
        return self.ask("PATCH", path_of(**where(thing), subresource=subresource) + "?" + query, thing, APPLY)

    def put(self, *things):
        """Each thing as it stands here: created, or merged over what is there; a status is written too."""
        for thing in things:
            if self.get(**where(thing)) is None:
                self.create(thing)
            else:
                self.ask("PATCH", path_of(**where(thing)), {k: v for k, v in thing.items() if k != "status"}, MERGE)
            if "status" in thing:
                self.ask("PATCH", path_of(**where(thing), subresource="status"), {"status": thing["status"]}, MERGE)

    def patch(self, kind, name, body, namespace="default", subresource=None, content=MERGE, version=None):
        return self.ask("PATCH", path_of(kind, name, namespace, version, subresource), body, content)

    def delete(self, kind, name, namespace="default", version=None, missing_ok=True, **options):
        path = path_of(kind, name, namespace, version)
        status, answer = self.send("DELETE", path, options or None)
        if not 200 <= status < 300 and not (status == 404 and missing_ok):
            raise ApiError("DELETE", path, status, answer)

    def delete_all(self, kind, namespace=None, version=None):
        return self.ask("DELETE", path_of(kind, namespace=namespace, version=version))

    def many(self, action, things, workers=4):
        """action(thing) for each, several at a time; the first failure is raised."""
        of_threads = []  # what self.local is to each of them: their connections end with them
        try:
            with concurrent.futures.ThreadPoolExecutor(workers, initializer=lambda: of_threads.append(self.local.__dict__)) as pool:
                return list(pool.map(action, things))
        finally:
            for local in of_threads:
                if local.get("connection"):
                    local["connection"].close()

    def create_many(self, things, workers=4):
        return self.many(self.create, things, workers)

    def watch(self, kind, namespace=None, version=None, timeout=60, **query):
        """Events as they come, on a connection of its own; ends with the server's end of the watch or after `timeout` silent seconds."""
        query = urllib.parse.urlencode({"watch": "true", "allowWatchBookmarks": "true", **query})
        path = path_of(kind, namespace=namespace, version=version) + "?" + query
        connection = self.connect(timeout)
        try:
            connection.request("GET", path, headers=self.headers())
            answer = connection.getresponse()
            if answer.status != 200:
                raise ApiError("GET", path, answer.status, answer.read().decode(errors="replace"))
            for line in answer:
                yield json.loads(line)
        except TimeoutError:
            return
        finally:
            connection.close()

    def apply_yaml_objects(self, things):
        """Objects in the order given, Namespaces and CRDs first."""
        first = {"Namespace": 0, "CustomResourceDefinition": 1}
        for thing in sorted(things, key=lambda t: first.get(t["kind"], 2)):
            self.apply(thing)


def condition(thing, kind):
    """The condition of this type in an object's status, or {}."""
    conditions = (thing or {}).get("status", {}).get("conditions", [])
    return next((c for c in conditions if c["type"] == kind), {})
