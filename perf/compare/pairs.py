"""The pairs of proxies compared. Each carries TCP from a client pod to the same port of a server pod over mutual TLS 1.3."""

import os
import shutil

from lab import Failed, run, wait_for

CIPHER = "TLS_AES_128_GCM_SHA256"
TRUST_DOMAIN = "cluster.local"
IPERF, HTTP, ECHO = 5201, 8080, 7000


class Certificates:
    """One ECDSA P-256 authority for everybody, in the layout of Istio's cacerts directory."""

    def __init__(self, directory):
        self.directory = os.path.join(directory, "ca")
        os.makedirs(self.directory)
        key, certificate = self._path("ca-key.pem"), self._path("ca-cert.pem")
        run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        run("openssl", "req", "-x509", "-new", "-key", key, "-sha256", "-days", "2", "-subj", "/O=perf/CN=root",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", certificate)
        shutil.copy(certificate, self._path("root-cert.pem"))
        shutil.copy(certificate, self._path("cert-chain.pem"))

    @property
    def root(self):
        return self._path("root-cert.pem")

    def issue(self, account, host=None):
        """A workload certificate with its key in one file, as haproxy reads it; for a host name too where one is given."""
        key, request, extensions, leaf = (self._path(f"{account}.{kind}") for kind in ("key", "csr", "ext", "pem"))
        run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        run("openssl", "req", "-new", "-key", key, "-subj", "/", "-out", request)
        with open(extensions, "w", encoding="ascii") as text:
            text.write(f"subjectAltName=critical,URI:spiffe://{TRUST_DOMAIN}/ns/perf/sa/{account}{f',DNS:{host}' if host else ''}\n"
                       "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n")
        run("openssl", "x509", "-req", "-in", request, "-CA", self._path("ca-cert.pem"), "-CAkey", self._path("ca-key.pem"),
            "-CAcreateserial", "-days", "2", "-sha256", "-extfile", extensions, "-out", leaf)
        with open(leaf, "a", encoding="ascii") as both, open(key, encoding="ascii") as private:
            both.write(private.read())
        return leaf

    def _path(self, name):
        return os.path.join(self.directory, name)


class Pair:
    """Two proxies, a client pod and a server pod. `target` says where the client reaches a port of the server."""

    def __init__(self, name, network, directory):
        self.name = name
        self.client, self.server = network.pods[name]
        self.network = network
        self.directory = directory
        self.processes = []

    def start(self, threads):
        raise NotImplementedError

    def target(self, port):
        """Where the client reaches the server's port."""
        return self.server.address, port

    def stop(self):
        for process in self.processes:
            process.stop()
        self.processes = []

    def cpu(self):
        """Seconds of CPU used by both proxies so far: user, system."""
        for process in self.processes:
            process.check()
        return tuple(map(sum, zip(*(process.cpu() for process in self.processes))))

    def memory(self):
        """Proportional and plain resident size of both proxies, in bytes."""
        return tuple(map(sum, zip(*(process.memory() for process in self.processes))))

    def passed(self):
        """Whether the answer just had came through the proxies."""
        return True

    def wait_until_it_carries(self):
        """Waits for an answer of the web server through both proxies."""
        host, port = self.target(HTTP)

        def answers():
            for process in self.processes:
                process.check()
            try:
                return self.client.run("curl", "-sf", "--max-time", "1", f"http://{host}:{port}/") == "ok\n" and self.passed()
            except Failed:
                return False

        try:
            wait_for(f"an answer through {self.name}", answers)
        except Failed as failure:
            raise Failed(f"{failure}\n" + "\n".join(f"--- {p.name}\n{p.tail()}" for p in self.processes)) from failure


class Haproxy(Pair):
    """
    haproxy beside the client as TLS client, haproxy beside the server as TLS server. TCP mode, default buffers, no logging.
    Each port is offered twice: as it comes (TLS sessions are resumed), and with a full handshake for every connection.
    """

    FULL_HANDSHAKE = 10000  # added to a port
    OUTSIDE, TLS = 20000, 30000  # added to a port: where the client connects, and between the two

    def __init__(self, network, directory, certificates):
        super().__init__("haproxy", network, directory)
        self._root = certificates.root
        self._leaves = {side: certificates.issue(f"haproxy-{side}") for side in ("client", "server")}

    def target(self, port, full_handshake=False):
        return self.client.address, port + self.OUTSIDE + (self.FULL_HANDSHAKE if full_handshake else 0)

    def start(self, threads):
        self.processes = [self._start(side, threads) for side in ("server", "client")]

    def _start(self, side, threads):
        config = os.path.join(self.directory, f"haproxy-{side}.cfg")
        with open(config, "w", encoding="ascii") as text:
            text.write(self._common(threads))
            for port in (IPERF, HTTP, ECHO):
                text.write(self._client_side(port) if side == "client" else self._server_side(port))
        namespace = self.client if side == "client" else self.server
        return namespace.start(f"haproxy-{side}", "haproxy", "-db", "-f", config, directory=self.directory)

    @staticmethod
    def _common(threads):
        return f"""global
  nbthread {threads}
  maxconn 7000
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
"""

    def _client_side(self, port):
        tls = (f"ssl crt {self._leaves['client']} ca-file {self._root} verify required "
               f"ssl-min-ver TLSv1.3 ciphersuites {CIPHER}")
        listens = ""
        for kind, full, option in (("resumed", False, ""), ("full", True, "no-ssl-reuse")):
            outside = self.target(port, full)[1]
            listens += (f"listen {kind}-{port}\n  bind {self.client.address}:{outside}\n"
                        f"  server s {self.server.address}:{port + self.TLS} {tls} {option}\n")
        return listens

    def _server_side(self, port):
        return (f"listen {port}\n  bind {self.server.address}:{port + self.TLS} ssl crt {self._leaves['server']} "
                f"ca-file {self._root} verify required ssl-min-ver TLSv1.3 ciphersuites {CIPHER}\n"
                f"  server s {self.server.address}:{port}\n")


class Ztunnel(Pair):
    """Two ztunnel nodes; the pods do not know of them. The client connects to the server's own address."""

    TUNNEL = 15008

    def __init__(self, network, directory, certificates, executable, access_log, name="ztunnel"):
        super().__init__(name, network, directory)
        self._executable = executable
        self._authority = certificates.directory
        self._access_log = access_log
        self._manifests = os.path.join(directory, f"manifests-{name}")
        os.makedirs(self._manifests)
        with open(os.path.join(self._manifests, "perf.yaml"), "w", encoding="ascii") as text:
            text.write("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: perf\n  labels:\n"
                       "    istio.io/dataplane-mode: ambient\n")
            for pod, node in self._placed():
                text.write(pod_manifest(pod, node))

    def start(self, threads):
        self.processes = [self._start(node, threads) for node in (self.network.node_b, self.network.node_a)]

    def _placed(self):
        return (self.client, "node-a"), (self.server, "node-b")

    def passed(self):
        # Before the pods are captured the client reaches the server without us; a tunnel kept open shows that it no longer does.
        return self.server.run("ss", "-Htn", "state", "established", "sport", "=", f":{self.TUNNEL}") != ""

    def _start(self, node, threads, *flags):
        return node.start(
            f"{self.name}-{node.name}", self._executable, "node", *flags, "--node", node.name, "--manifests", self._manifests,
            "--netns-dir", "/run/netns", "--ca-directory", self._authority, "--workers", str(threads),
            "--access-log", self._access_log,
            # As the container image sets it: OpenSSL's memory is in two arenas rather than one for each thread.
            directory=self.directory, env={"MALLOC_ARENA_MAX": "2"})


class SameNode(Ztunnel):
    """One ztunnel node with both pods. Named after how it takes a connection from one to the other: direct or tunnel."""

    def start(self, threads):
        self.processes = [self._start(
            self.network.node_a, threads, "--same-node", self.name,
            # Two nodes of this name may run at once, on one address.
            "--admin", f"127.0.0.1:{self._diagnostics}", "--readiness", f"127.0.0.1:{self._diagnostics + 1}")]

    @property
    def _diagnostics(self):
        return 16000 if self.name == "direct" else 16010

    def _placed(self):
        return (self.client, "node-a"), (self.server, "node-a")

    def passed(self):
        # Captured is what has a listener of ours; a tunnel shows besides only where one is made.
        listens = all(pod.run("ss", "-Htln", "sport", "=", ":15001") != "" for pod in (self.client, self.server))
        return listens and super().passed() == (self.name == "tunnel")


def pod_manifest(pod, node, labels=""):
    return f"""---
apiVersion: v1
kind: Pod
metadata:
  name: {pod.name}
  namespace: perf
  uid: uid-{pod.name}
  labels: {{{labels}}}
  annotations:
    ztunnel.io/network-namespace: {pod.name}
spec:
  nodeName: {node}
  serviceAccountName: {pod.name}
  containers:
    - name: app
      image: app
status:
  phase: Running
  podIP: {pod.address}
  podIPs:
    - ip: {pod.address}
  conditions:
    - type: Ready
      status: "True"
"""
