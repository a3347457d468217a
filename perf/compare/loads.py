"""The work put through a pair, and what it cost the pair's two proxies."""

import json
import os
import re
import subprocess
import sys
import time

from lab import Failed
from pairs import ECHO, HTTP, IPERF

HERE = os.path.dirname(os.path.abspath(__file__))
NGINX = """daemon off;
worker_processes 1;
error_log stderr error;
pid {directory}/nginx-{name}.pid;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  server {{
    listen {port} backlog=8192;
    default_type text/plain;
    location / {{ return 200 "ok\\n"; }}
  }}
}}
"""


def start_servers(pair):
    """iperf3, nginx and an echo server in the server's pod; the same for every pair."""
    start = lambda name, *command: pair.server.start(f"{name}-{pair.name}", *command, directory=pair.directory)
    return [
        start("iperf3", "iperf3", "-s", "-p", str(IPERF)),
        start_web_server(pair),
        start("echo", sys.executable, os.path.join(HERE, "echo.py"), "serve", str(ECHO)),
    ]


def start_web_server(pair):
    """nginx in the server's pod, which answers everything with three bytes."""
    config = os.path.join(pair.directory, f"nginx-{pair.name}.conf")
    with open(config, "w", encoding="ascii") as text:
        text.write(NGINX.format(directory=pair.directory, name=pair.name, port=HTTP))
    return pair.server.start(f"nginx-{pair.name}", "nginx", "-c", config, directory=pair.directory)


def bulk(pair, seconds, download):
    """One iperf3 stream. CPU seconds of both proxies for each 10^9 bytes, the system's part of it, and the rate in Gbit/s."""
    host, port = pair.target(IPERF)
    out, user, system = _cost(
        pair, "iperf3", "-c", host, "-p", str(port), "-t", str(seconds), "-J", *(["-R"] if download else []))
    end = json.loads(out)["end"]["sum_received"]
    gigabytes = end["bytes"] / 1e9
    return {"cpu": (user + system) / gigabytes, "system": system / gigabytes, "rate": end["bits_per_second"] / 1e9}


def requests(pair, seconds):
    """Small requests on 50 kept connections. CPU microseconds of both proxies a request, rate, and latency in ms."""
    return _wrk(pair, pair.target(HTTP), seconds, 50)


def connects(pair, seconds, **target):
    """A connection for each request, 16 at a time. CPU microseconds of both proxies a connection, rate, and latency in ms."""
    return _wrk(pair, pair.target(HTTP, **target), seconds, 16, "-H", "Connection: close")


def idle(pair, count):
    """Memory of both proxies for each of many open connections over which one byte went to and fro; proportional and plain, in bytes."""
    host, port = pair.target(ECHO)
    before = pair.memory()
    client = pair.client.start(
        f"idle-{pair.name}", sys.executable, os.path.join(HERE, "echo.py"), "hold", host, str(port), str(count),
        directory=pair.directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if client.popen.stdout.readline() != b"holding\n":
            raise Failed(f"{count} connections through {pair.name} did not open:\n{client.tail()}")
        time.sleep(2)  # What was needed only to open them may go.
        after = pair.memory()
    finally:
        client.popen.stdin.close()
        client.popen.wait(60)
        client.popen.stdout.close()
    return {"pss": (after[0] - before[0]) / count, "rss": (after[1] - before[1]) / count, "base": before[0]}


def _wrk(pair, target, seconds, connections, *options):
    host, port = target
    return http(pair, f"http://{host}:{port}/", seconds, connections, *options)


def http(pair, url, seconds, connections, *options):
    """wrk on a URL. CPU microseconds of the proxies a request, requests, rate, and latency in ms."""
    out, user, system = _cost(pair, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *options, url)
    if "Socket errors" in out or "Non-2xx" in out:
        raise Failed(f"wrk through {pair.name}:\n{out}")
    count = int(re.search(r"(\d+) requests in", out)[1])
    return {
        "cpu": (user + system) / count * 1e6,
        "system": system / count * 1e6,
        "requests": count,
        "rate": float(re.search(r"Requests/sec: +([\d.]+)", out)[1]),
        "p50": _milliseconds(re.search(r"50% +(\S+)", out)[1]),
        "p99": _milliseconds(re.search(r"99% +(\S+)", out)[1]),
    }


def resumptions(pair, host, name, path, seconds):
    """One HTTPS connection after the other, each resuming a session. CPU microseconds of the proxies a connection, and how many."""
    out, user, system = _cost(pair, sys.executable, os.path.join(HERE, "resume.py"), host, "443", name, path, str(seconds))
    return {"cpu": (user + system) / int(out) * 1e6, "requests": int(out)}


def _cost(pair, *command):
    """Runs a client in the client's pod: what it printed, and the CPU seconds, user and system, it cost both proxies."""
    before = pair.cpu()
    out = pair.client.run(*command)
    user, system = (after - start for after, start in zip(pair.cpu(), before))
    # Were the traffic to pass the proxies by, everything would look wonderful.
    if user + system < 0.02:
        raise Failed(f"the proxies of {pair.name} used no CPU: the load did not go through them")
    return out, user, system


def _milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]
