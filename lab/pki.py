# SPDX-License-Identifier: Apache-2.0
"""Certificates for the lab's control plane, made by openssl (3.0 or newer)."""
import base64
import json
import os

from .space import run

CONFIG = "[req]\ndistinguished_name = subject\n[subject]\n"
USES = {"ca": ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"),
        "client": ("keyUsage=critical,digitalSignature", "extendedKeyUsage=clientAuth"),
        "server": ("keyUsage=critical,digitalSignature", "extendedKeyUsage=serverAuth")}


class Authority:
    """One certificate authority and what it has signed, as files NAME.crt and NAME.key in a folder."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with open(self.path("openssl.cnf"), "w") as file:
            file.write(CONFIG)
        self._make(name, f"/CN=porter-lab-{name}", "ca", ())

    def path(self, name):
        return os.path.join(self.folder, name)

    @property
    def certificate(self):
        return self.path(f"{self.name}.crt")

    def issue(self, name, subject, use="client", names=()):
        """Signs NAME.crt; a second time replaces it, by rename. Names: "DNS:localhost", "IP:127.0.0.1"."""
        extensions = [f"subjectAltName={','.join(names)}"] if names else []
        signed = ("-CA", self.certificate, "-CAkey", self.path(f"{self.name}.key"))
        self._make(name, subject, use, (*signed, *(part for e in extensions for part in ("-addext", e))))
        return self.path(f"{name}.crt"), self.path(f"{name}.key")

    def _make(self, name, subject, use, more):
        extensions = [part for extension in USES[use] for part in ("-addext", extension)]
        key, certificate = self.path(f"{name}.key"), self.path(f"{name}.crt")
        run("openssl", "req", "-x509", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-config", self.path("openssl.cnf"), "-subj", subject, "-keyout", key + ".new", "-out", certificate + ".new",
            *extensions, *more)
        os.replace(key + ".new", key)
        os.replace(certificate + ".new", certificate)


def key_pair(folder, name):
    """NAME.key and NAME.pub, with which ServiceAccount tokens are signed and checked."""
    key, public = os.path.join(folder, f"{name}.key"), os.path.join(folder, f"{name}.pub")
    run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
    run("openssl", "pkey", "-in", key, "-pubout", "-out", public)
    return key, public


def data(path):
    with open(path, "rb") as file:
        return base64.b64encode(file.read()).decode()


def write_kubeconfig(path, server, authorities, user, namespace="default"):
    """A kubeconfig (JSON is YAML) that trusts the given CA certificates; `user` as the file has it."""
    trusted = b""
    for authority in authorities:
        with open(authority, "rb") as file:
            trusted += file.read()
    document = {"apiVersion": "v1", "kind": "Config", "current-context": "lab",
                "clusters": [{"name": "lab", "cluster": {"server": server,
                                                         "certificate-authority-data": base64.b64encode(trusted).decode()}}],
                "users": [{"name": "user", "user": user}],
                "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "user", "namespace": namespace}}]}
    with open(path + ".new", "w") as file:
        json.dump(document, file, indent=2)
    os.replace(path + ".new", path)
    return path
