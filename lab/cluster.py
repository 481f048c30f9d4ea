# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes control plane: etcd, kube-apiserver and kube-controller-manager as they are shipped.

It runs on a Host of the lab, or on this machine's loopback when no Host is given (no root is needed then). There are
no kubelets: Nodes, Pods and EndpointSlices are objects that a test writes, and nobody takes a silent Node for dead.
What may happen to a control plane is a method here: kill, pause, restart, other certificate, compaction, restore.
"""
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess

from tools.kube import build

from . import pki
from .api import Api, path_of
from .space import INSIDE, Failure, die_with_parent, run, stop, wait_for

SERVICES = "10.96.0.0/16,fd00:96::/112"
SERVICE_NAMES = tuple(f"DNS:{name}" for name in ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"))
ADDRESSES = ("IP:127.0.0.1", "IP:::1", "IP:10.96.0.1", "IP:fd00:96::1")


class Here:
    """This machine in a Host's place."""

    def __init__(self):
        self.processes = []

    def spawn(self, *command, log=None, env=None, stdin=subprocess.DEVNULL):
        with open(log or os.devnull, "ab") as output:
            process = subprocess.Popen([str(c) for c in command], stdin=stdin, stdout=output, stderr=output, env=env,
                                       start_new_session=True, preexec_fn=die_with_parent)
        self.processes.append(process)
        return process

    def exec(self, *command, check=True, timeout=30, stdin=None):
        return run(*command, check=check, timeout=timeout, stdin=stdin)


def free_ports(count):
    """TCP ports of the loopback nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def state(pid):
    """One letter: R, S, T (stopped), Z ..."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def binaries(names):
    """The paths of programs that tools/kube builds."""
    if os.environ.get(INSIDE) != "here":
        return build.provide(names)
    found = {name: build.find(name) for name in names}
    missing = [name for name, path in found.items() if not path]
    if missing:  # inside a space there is no network to fetch modules over
        raise Failure(f"not there: {', '.join(missing)}; run tools/kube/build.py first")
    return found


class Cluster:
    needed = build.NEEDED
    # Nobody renews the heartbeats of Nodes that are only objects; and without node-lifecycle-controller nobody takes the taint
    # away that this plug-in gives new ones.
    looking_after_nodes = ("--controllers=*,-node-lifecycle-controller,-cloud-node-lifecycle-controller",)
    admission = "--disable-admission-plugins=TaintNodesByCondition"

    def __init__(self, folder, host=None, address="127.0.0.1"):
        self.folder, self.host, self.address = folder, host or Here(), address
        self.programs = binaries(self.needed)
        self.loopback = host is None
        self.port, self.etcd_port, self.peer_port = free_ports(3) if self.loopback else (6443, 2379, 2380)
        self.url = f"https://{address}:{self.port}"
        self.processes = {}
        os.makedirs(folder, exist_ok=True)
        self.pki = pki.Authority(os.path.join(folder, "pki"))
        self.names = (*SERVICE_NAMES, *ADDRESSES, *(() if self.loopback else (f"IP:{address}",)))
        self.pki.issue("apiserver", "/CN=kube-apiserver", "server", self.names)
        self.sign_key, self.sign_public = pki.key_pair(self.pki.folder, "accounts")
        self.admin_kubeconfig = self.certificate_kubeconfig("admin", "/O=system:masters/CN=porter-lab-admin")
        self.certificate_kubeconfig("kube-controller-manager", "/CN=system:kube-controller-manager")
        self.api = self.client("admin")

    # Identities.
    def path(self, name):
        return os.path.join(self.folder, name)

    def certificate_kubeconfig(self, name, subject):
        """The kubeconfig of a user with a client certificate."""
        certificate, key = self.pki.issue(name, subject)
        user = {"client-certificate-data": pki.data(certificate), "client-key-data": pki.data(key)}
        return pki.write_kubeconfig(self.path(f"{name}.kubeconfig"), self.url, [self.pki.certificate], user)

    def client(self, name=None, token=None, **how):
        """The raw API as the owner of a certificate made before, or of a token."""
        certificate = {"certificate": self.pki.path(f"{name}.crt"), "key": self.pki.path(f"{name}.key")} if name else {}
        return Api(self.address, self.port, self.pki.certificate, token=token, **certificate, **how)

    def token(self, namespace, account, seconds=3600, bound_secret=None):
        """A ServiceAccount's token. Bound to a Secret it dies with it."""
        spec = {"expirationSeconds": seconds}
        if bound_secret:
            secret = self.api.get("Secret", bound_secret, namespace)
            spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Secret", "name": bound_secret, "uid": secret["metadata"]["uid"]}
        answer = self.api.ask("POST", path_of("ServiceAccount", account, namespace, subresource="token"),
                              {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
        return answer["status"]["token"]

    def account_kubeconfig(self, namespace, account, token_file=False, server=None, authorities=None, **how):
        """The kubeconfig of a ServiceAccount; with token_file the token lies in a file of its own, to be rotated."""
        token = self.token(namespace, account, **how)
        path = self.path(f"{account}.{'file.' if token_file else ''}kubeconfig")
        user = {"token": token}
        if token_file:
            user = {"tokenFile": self.path(f"{account}.token")}
            self.write_token(user["tokenFile"], token)
        return pki.write_kubeconfig(path, server or self.url, authorities or [self.pki.certificate], user, namespace)

    @staticmethod
    def write_token(path, token):
        with open(path + ".new", "w") as file:
            file.write(token)
        os.replace(path + ".new", path)

    def kubectl(self, *words, stdin=None, check=True, timeout=60):
        return run(self.programs["kubectl"], "--kubeconfig", self.admin_kubeconfig, "--cache-dir", self.path("kubectl-cache"),
                   *words, stdin=stdin, check=check, timeout=timeout)

    # Processes.
    def commands(self):
        etcd = f"http://{self.address}:{self.etcd_port}"
        peer = f"http://127.0.0.1:{self.peer_port}"
        keys = self.pki.path
        return {
            "etcd": [
                "--name=lab", f"--data-dir={self.path('etcd')}", f"--listen-client-urls={etcd}", f"--advertise-client-urls={etcd}",
                f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=lab={peer}",
                "--unsafe-no-fsync", "--log-level=warn"],
            "kube-apiserver": [
                f"--etcd-servers={etcd}", f"--bind-address={self.address}", f"--advertise-address={self.address}",
                f"--secure-port={self.port}", f"--service-cluster-ip-range={SERVICES}", f"--tls-cert-file={keys('apiserver.crt')}",
                f"--tls-private-key-file={keys('apiserver.key')}", f"--client-ca-file={self.pki.certificate}",
                "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={self.sign_public}",
                f"--service-account-signing-key-file={self.sign_key}", "--authorization-mode=Node,RBAC", "--profiling=false",
                # The "kubernetes" Service has endpoints only where its address is one that others may reach.
                f"--endpoint-reconciler-type={'none' if self.loopback else 'lease'}",
                # There is no kube-proxy where it runs: webhooks are dialled at their endpoints, not at a Service's address.
                "--enable-aggregator-routing=true",
                self.admission],
            "kube-controller-manager": [
                f"--kubeconfig={self.path('kube-controller-manager.kubeconfig')}", "--leader-elect=false",
                "--use-service-account-credentials=true", f"--service-account-private-key-file={self.sign_key}",
                f"--root-ca-file={self.pki.certificate}", "--secure-port=0", *self.looking_after_nodes,
                "--kube-api-qps=500", "--kube-api-burst=1000"]}

    def spawn(self, name):
        self.processes[name] = self.host.spawn(self.programs[name], *self.commands()[name], log=self.path(f"{name}.log"))

    def start(self, controllers=True):
        self.spawn("etcd")
        self.spawn("kube-apiserver")  # asks for etcd until it is there
        self.wait_ready()
        if controllers:
            self.spawn("kube-controller-manager")
            wait_for("the ServiceAccount default/default", lambda: self.api.get("ServiceAccount", "default"), 60, pause=0.1)

    def wait_ready(self, seconds=90):
        wait_for("the API server is ready", lambda: self.alive("etcd", "kube-apiserver") and self.api.ready(), seconds, pause=0.1)

    def alive(self, *names):
        for name in names:
            status = self.processes[name].poll()
            if status is not None:
                raise Failure(f"{name} ended with status {status}:\n{self.log_tail(name)}")
        return True

    def log_tail(self, name, lines=15):
        with contextlib.suppress(OSError), open(self.path(f"{name}.log"), errors="replace") as log:
            return "".join(log.readlines()[-lines:])
        return ""

    def kill(self, name):
        """SIGKILL; nothing of it is needed later, so this is how everything here ends."""
        process = self.processes.pop(name, None)
        if process:
            process.send_signal(signal.SIGCONT)
            stop(process, signal.SIGKILL)

    def stop(self):
        for name in ("kube-controller-manager", "kube-apiserver", "etcd"):
            self.kill(name)

    def pause(self, name="kube-apiserver"):
        process = self.processes[name]
        process.send_signal(signal.SIGSTOP)
        wait_for(f"{name} stands still", lambda: state(process.pid) == "T")

    def resume(self, name="kube-apiserver"):
        self.processes[name].send_signal(signal.SIGCONT)

    def restart(self, name="kube-apiserver"):
        self.kill(name)
        self.spawn(name)
        self.wait_ready()

    # What happens to control planes in the course of a year.
    def serving_certificate(self):
        """The certificate new connections are shown (DER)."""
        with socket.create_connection((self.address, self.port), 10) as raw:
            context = ssl.create_default_context(cafile=self.pki.certificate)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(raw) as connection:
                return connection.getpeercert(binary_form=True)

    def replace_serving_certificate(self, authority=None, seconds=90):
        """A new certificate and key, by this authority or another one; the API server reloads them while it runs."""
        old = self.serving_certificate()
        certificate, key = (authority or self.pki).issue("apiserver-next", "/CN=kube-apiserver", "server", self.names)
        os.replace(key, self.pki.path("apiserver.key"))
        os.replace(certificate, self.pki.path("apiserver.crt"))
        wait_for("the API server shows its new certificate", lambda: self.serving_certificate() != old, seconds, pause=0.2)

    def etcd(self, path, body):
        connection = http.client.HTTPConnection(self.address, self.etcd_port, timeout=10)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
            if answer.status != 200:
                raise Failure(f"etcd {path}: {answer.status} {text}")
            return json.loads(text)
        finally:
            connection.close()

    def compact(self):
        """Forgets every revision before now. The API server answers 410 for them once its own cache is gone too: restart()."""
        revision = self.etcd("/v3/maintenance/status", {})["header"]["revision"]
        self.etcd("/v3/kv/compaction", {"revision": revision, "physical": True})
        return int(revision)

    def snapshot(self, name="snapshot"):
        """etcd's data as they are now, taken while it stands still; restore() brings them back."""
        target = self.path(name)
        shutil.rmtree(target, ignore_errors=True)
        self.pause("etcd")
        try:
            run("cp", "-a", "--reflink=auto", "--sparse=always", self.path("etcd"), target)
        finally:
            self.resume("etcd")
        return target

    def restore(self, snapshot):
        """The cluster as it was. Revisions count on from there, so what clients have seen since then never was."""
        controllers = "kube-controller-manager" in self.processes
        self.stop()
        shutil.rmtree(self.path("etcd"))
        run("cp", "-a", "--reflink=auto", "--sparse=always", snapshot, self.path("etcd"))
        self.start(controllers)
