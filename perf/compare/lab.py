"""Network namespaces, the processes in them, and what the kernel says those processes used."""

import itertools
import os
import re
import resource
import signal
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """The measurement cannot go on; the text says why."""


class Process:
    """A long-running program inside one namespace. Its output goes to a file of the run's directory."""

    def __init__(self, popen, name, log):
        self._popen = popen
        self.name = name
        self.log = log
        self.pid = popen.pid

    def check(self):
        if self._popen.poll() is not None:
            raise Failed(f"{self.name} ended with {self._popen.returncode}:\n{self.tail()}")

    def tail(self, lines=20):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-lines:])

    def cpu(self):
        """Seconds of CPU used so far by all its threads, and those of its children that live: user, system."""
        user = system = 0
        for pid in self._family():
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
            user, system = user + int(fields[11]) / TICK, system + int(fields[12]) / TICK
        return user, system

    def memory(self):
        """Proportional and plain resident size, in bytes, with its children."""
        pss = rss = 0
        for pid in self._family():
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
                sizes = dict(re.findall(r"^(Pss|Rss): +(\d+) kB$", rollup.read(), re.M))
            pss, rss = pss + int(sizes["Pss"]) * 1024, rss + int(sizes["Rss"]) * 1024
        return pss, rss

    def _family(self):
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as children:
            return [self.pid, *map(int, children.read().split())]

    def stop(self):
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
            try:
                self._popen.wait(5)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait()


class Namespace:
    """One network namespace. The run has a /run/netns of its own, so plain names collide with nobody's."""

    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        self.run("ip", "link", "set", "lo", "up")
        # Many short connections between the same two addresses: let ports that wait be used again, for everybody.
        self.sysctl("net.ipv4.ip_local_port_range", "1024 65535")
        self.sysctl("net.ipv4.tcp_tw_reuse", "1")
        self.sysctl("net.core.somaxconn", "8192")

    def command(self, *command):
        return ["nsenter", f"--net=/run/netns/{self.name}", *command]

    def run(self, *command, timeout=120):
        return run(*self.command(*command), timeout=timeout)

    def sysctl(self, name, value):
        self.run("sysctl", "-qw", f"{name}={value}")

    def start(self, name, *command, directory, env=None, stdin=None, stdout=None):
        path = os.path.join(directory, f"{name}.log")
        with open(path, "ab") as log:
            popen = subprocess.Popen(
                self.command(*command),
                stdin=stdin or subprocess.DEVNULL,
                stdout=stdout or log,
                stderr=log,
                env={**os.environ, **(env or {})},
                preexec_fn=_raise_limits,
            )
        process = Process(popen, name, path)
        process.popen = popen
        return process


def _raise_limits():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def run(*command, timeout=120):
    """Runs a short program and returns what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()[-500:]}")
    return done.stdout


def wait_for(what, condition, seconds=20):
    """Waits until the condition holds; says what it waited for when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"{what} did not happen within {seconds} s")
        time.sleep(0.05)


def link(a, a_interface, a_address, b, b_interface, b_address):
    """Joins two namespaces by a pair of virtual Ethernet interfaces."""
    run("ip", "link", "add", a_interface, "netns", a.name, "type", "veth", "peer", "name", b_interface, "netns", b.name)
    for near, interface, address in ((a, a_interface, a_address), (b, b_interface, b_address)):
        near.run("ip", "address", "add", address, "dev", interface)
        near.run("ip", "link", "set", interface, "up")


class Network:
    """
    Two nodes joined by a wire, and on each a pod for every pair measured: client-PAIR on node-a, server-PAIR on node-b, or
    on node-a too. All pairs of a table have the same links and the same hops.
    """

    def __init__(self, pairs, on_one_node=()):
        run("mount", "--make-rprivate", "/")
        os.makedirs("/run/netns", exist_ok=True)
        run("mount", "-t", "tmpfs", "tmpfs", "/run/netns")
        self.node_a = self._node("node-a")
        self.node_b = self._node("node-b")
        link(self.node_a, "node-b", "10.77.0.1/24", self.node_b, "node-a", "10.77.0.2/24")
        self.node_a.run("ip", "route", "add", "10.77.2.0/24", "via", "10.77.0.2")
        self.node_b.run("ip", "route", "add", "10.77.1.0/24", "via", "10.77.0.1")
        self._subnets = {self.node_a: itertools.count(), self.node_b: itertools.count()}
        self.pods = {}
        for pair in pairs:
            self.pods[pair] = (
                self.pod(f"client-{pair}", self.node_a),
                self.pod(f"server-{pair}", self.node_a if pair in on_one_node else self.node_b),
            )

    def pod(self, name, node):
        """One more pod on a node."""
        pod = Namespace(name)
        subnet, number = 1 if node is self.node_a else 2, next(self._subnets[node])
        gateway, pod.address = (f"10.77.{subnet}.{4 * number + host}" for host in (1, 2))
        link(pod, "eth0", f"{pod.address}/30", node, f"pod-{number}", f"{gateway}/30")
        pod.run("ip", "route", "add", "default", "via", gateway)
        return pod

    @staticmethod
    def _node(name):
        node = Namespace(name)
        node.sysctl("net.ipv4.ip_forward", "1")
        return node
