"""
The reverse proxies compared. Each is one process between a client pod and a server pod, with 100 routes by path to one
service, connections to the server kept open, and the same headers added to a request.
"""

import json
import os
import socket

from gateway_manifests import HOST, ROUTES, Token, ingress, waypoint
from lab import Failed, wait_for
from pairs import CIPHER, HTTP, TRUST_DOMAIN, Pair

PATH = f"/service-{ROUTES // 2}/item"
TUNNEL = 15008

NGINX = """daemon off;
worker_processes {threads};
worker_rlimit_nofile 20000;
error_log stderr error;
pid {directory}/{name}.pid;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  upstream web {{
    server {server};
    keepalive 256;
    keepalive_requests 1000000000;
  }}
  map $http_x_request_id $id {{
    default $http_x_request_id;
    "" $request_id;
  }}
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Request-Id $id;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_conf_command Ciphersuites {cipher};
  ssl_session_cache shared:tls:10m;
  ssl_certificate {leaf};
  ssl_certificate_key {leaf};
  {mutual}
  server {{
    {listens}
    server_name {host};
    {locations}
  }}
}}
"""

NGINX_MUTUAL = """ssl_client_certificate {root};
  ssl_verify_client on;
  proxy_ssl_certificate {leaf};
  proxy_ssl_certificate_key {leaf};
  proxy_ssl_protocols TLSv1.3;
  proxy_ssl_conf_command Ciphersuites {cipher};
  proxy_ssl_trusted_certificate {root};
  proxy_ssl_verify on;
  proxy_ssl_name {host};"""

HAPROXY = """global
  nbthread {threads}
  maxconn 7000
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend clients
  {listens}
  option forwardfor
  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
  http-request set-header X-Request-Id %[uuid()] unless {{ req.hdr(x-request-id) -m found }}
  {rules}
  use_backend %[path,map_beg({directory}/{name}.map)]
backend web
  http-reuse always
  server s {server}
"""

HAPROXY_TOKEN = """http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.algorithm) var(txn.token),jwt_header_query('$.alg')
  http-request deny unless {{ var(txn.algorithm) -m str RS256 }}
  http-request deny unless {{ var(txn.token),jwt_verify(txn.algorithm,"{key}") 1 }}
  http-request deny unless {{ var(txn.token),jwt_payload_query('$.iss') -m str {issuer} }}
  http-request deny unless {{ var(txn.token),jwt_payload_query('$.groups') -m str staff }}
  http-request deny if {{ path_beg /service-{denied}/ }}"""

# An end of a chain: plain TCP on one side, mutual TLS on the other.
END = """global
  nbthread {threads}
  maxconn 7000
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen l
  bind {bind}
  server s {server}
"""


class ReverseProxy(Pair):
    """One proxy and what is about it. The first of its processes is the proxy itself."""

    def __init__(self, place, contender, network, gateway, directory):
        super().__init__(f"{place}-{contender}", network, directory)
        self.contender = contender
        self.gateway = gateway
        self.host = gateway.address
        self.headers = {"Host": HOST}

    @property
    def middle(self):
        return self.processes[0]

    def url(self, tls=False):
        return f"https://{self.host}:443{PATH}" if tls else f"http://{self.host}:80{PATH}"

    def options(self):
        return [part for name, value in self.headers.items() for part in ("-H", f"{name}: {value}")]

    def counters(self, collect=False):
        """What the proxy's managed memory did so far; nothing for those that have none."""
        return {}

    def wait_until_it_carries(self, url):
        try:
            wait_for(f"an answer from {url} through {self.name}", lambda: self._answers(url))
        except Failed as failure:
            raise Failed(f"{failure}\n" + "\n".join(f"--- {p.name}\n{p.tail()}" for p in self.processes)) from failure

    def _answers(self, url):
        for process in self.processes:
            process.check()
        try:
            return self.client.run("curl", "-sfk", "--max-time", "2", *self.options(), url) == "ok\n" and self.passed()
        except Failed:
            return False


class Peer(ReverseProxy):
    """
    A proxy that ours is measured beside: plain HTTP and HTTPS outside a mesh. In a mesh it has mutual TLS on either side, and at
    either end of the chain a haproxy carries TCP over it, as the agents of two nodes do for a waypoint.
    """

    def __init__(self, place, contender, network, gateway, directory, certificates, mesh):
        super().__init__(place, contender, network, gateway, directory)
        self.mesh = mesh
        if mesh:
            self.host = self.client.address
        self.root = certificates.root
        self.leaf = certificates.issue(self.name, HOST)

    @property
    def mutual_tls(self):
        return f"ssl crt {self.leaf} ca-file {self.root} verify required ssl-min-ver TLSv1.3 ciphersuites {CIPHER}"

    def start(self, threads):
        self.processes = [self.start_proxy(threads)]
        if self.mesh:
            self.processes += [
                self.start_end("client", self.client, threads, f"{self.client.address}:80", f"{self.gateway.address}:{TUNNEL} {self.mutual_tls}"),
                self.start_end("server", self.server, threads, f"{self.server.address}:{TUNNEL} {self.mutual_tls}", f"{self.server.address}:{HTTP}"),
            ]

    def start_proxy(self, threads):
        raise NotImplementedError

    def start_end(self, side, namespace, threads, bind, server):
        return self.run(f"{self.name}-{side}", namespace, "haproxy", "-db", "-f", text=END.format(threads=threads, bind=bind, server=server))

    def run(self, name, namespace, program, *flags, text):
        config = os.path.join(self.directory, f"{name}.cfg")
        with open(config, "w", encoding="ascii") as out:
            out.write(text)
        return namespace.start(name, program, *flags, config, directory=self.directory)


class Nginx(Peer):
    """nginx, with worker processes instead of threads."""

    def __init__(self, place, network, gateway, directory, certificates, mesh=False):
        super().__init__(place, "nginx", network, gateway, directory, certificates, mesh)

    def start_proxy(self, threads):
        scheme, port = ("https", TUNNEL) if self.mesh else ("http", HTTP)
        return self.run(self.name, self.gateway, "nginx", "-c", text=NGINX.format(
            threads=threads, directory=self.directory, name=self.name, cipher=CIPHER, host=HOST, leaf=self.leaf,
            server=f"{self.server.address}:{port}",
            mutual=NGINX_MUTUAL.format(leaf=self.leaf, root=self.root, cipher=CIPHER, host=HOST) if self.mesh else "",
            listens=f"listen {TUNNEL} ssl backlog=8192;" if self.mesh else "listen 80 backlog=8192; listen 443 ssl backlog=8192;",
            locations="\n    ".join(f"location /service-{n}/ {{ proxy_pass {scheme}://web; }}" for n in range(ROUTES))))


class Haproxy(Peer):
    """haproxy in HTTP mode. Where a token is asked for it verifies it with each request."""

    def __init__(self, place, network, gateway, directory, certificates, mesh=False, token=None):
        super().__init__(place, "haproxy", network, gateway, directory, certificates, mesh)
        self._rules = ""
        if token:
            self.headers["Authorization"] = f"Bearer {token.text}"
            self._rules = HAPROXY_TOKEN.format(key=token.public_key, issuer=Token.ISSUER, denied=ROUTES - 1)

    def start_proxy(self, threads):
        with open(os.path.join(self.directory, f"{self.name}.map"), "w", encoding="ascii") as routes:
            routes.writelines(f"/service-{n}/ web\n" for n in range(ROUTES))
        return self.run(self.name, self.gateway, "haproxy", "-db", "-f", text=HAPROXY.format(
            threads=threads, directory=self.directory, name=self.name, rules=self._rules,
            listens=f"bind *:{TUNNEL} {self.mutual_tls}" if self.mesh else f"bind *:80\n  bind *:443 ssl crt {self.leaf} ciphersuites {CIPHER}",
            server=f"{self.server.address}:{TUNNEL} {self.mutual_tls}" if self.mesh else f"{self.server.address}:{HTTP}"))


class Ztunnel(ReverseProxy):
    """A ztunnel gateway that serves as ingress."""

    def __init__(self, place, network, gateway, directory, certificates, executable, probe, token=None):
        super().__init__(place, "ztunnel", network, gateway, directory)
        self._executable = executable
        self._probe = probe
        self._authority = certificates.directory
        self._manifests = os.path.join(directory, f"manifests-{self.name}")
        os.makedirs(self._manifests)
        if token:
            self.headers["Authorization"] = f"Bearer {token.text}"
        self._write(self.manifests(certificates.issue(self.name, HOST), token))

    def manifests(self, leaf, token):
        return ingress(self.gateway, self.server, HTTP, leaf, token)

    def _write(self, text):
        with open(os.path.join(self._manifests, "perf.yaml"), "w", encoding="ascii") as out:
            out.write(text)

    def start(self, threads):
        self.processes = [self._run(
            self.name, self.gateway, threads, "gateway", "--name", "edge", "--namespace", "perf", "--access-log", "none",
            environment={"DOTNET_STARTUP_HOOKS": self._probe, "COMPARE_PROBE": self._socket()})]

    def counters(self, collect=False):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(self._socket())
            probe.send(b"c" if collect else b"r")
            return json.loads(probe.recv(4096))

    def _socket(self):
        return os.path.join(self.directory, f"{self.name}.sock")

    def _run(self, name, namespace, threads, *command, environment=None):
        return namespace.start(
            name, self._executable, *command, "--manifests", self._manifests, "--ca-directory", self._authority,
            "--trust-domain", TRUST_DOMAIN, "--workers", str(threads),
            directory=self.directory, env={"MALLOC_ARENA_MAX": "2", **(environment or {})})


class ZtunnelWaypoint(Ztunnel):
    """A ztunnel gateway that serves as waypoint, and the nodes of client and server, which it is between."""

    VIRTUAL_IP = "10.96.0.1"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.host = self.VIRTUAL_IP

    def manifests(self, leaf, token):
        return waypoint(self.gateway, self.client, self.server, self.VIRTUAL_IP, HTTP)

    def start(self, threads):
        super().start(threads)
        self.processes += [
            self._run(f"ztunnel-{node.name}", node, threads, "node", "--node", node.name, "--netns-dir", "/run/netns", "--access-log", "none")
            for node in (self.network.node_b, self.network.node_a)]

    def passed(self):
        # Both ways: to the waypoint and on from it.
        return all(pod.run("ss", "-Htn", "state", "established", "sport", "=", f":{TUNNEL}") != "" for pod in (self.gateway, self.server))
