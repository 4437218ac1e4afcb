"""Two hosts on two paths, made of network namespaces: a client, a server, and the cable between them.

    client 10.77.1.2 (path 1, "wifi") or 10.77.2.2 (path 2, "lte") -- cable -- server 10.77.9.1 and 10.77.9.2

Needs root and iproute2. Nothing leaves the machine.
"""
import array
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SERVER, SECOND = "10.77.9.1", "10.77.9.2"


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=not check or None)


def offload_off(interface):
    """What leaves must have its checksums and sizes as on a wire: the cable forwards raw frames."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for command in (0x15, 0x17, 0x1F, 0x24, 0x2C):  # RX and TX checksums, TSO, GSO, GRO
        value = array.array("B", struct.pack("II", command, 0))
        request = struct.pack("16sP", interface.encode(), value.buffer_info()[0])
        try:
            fcntl.ioctl(s, 0x8946, request)
        except OSError:
            pass


class Lab:
    def __init__(self):
        name = f"mp{os.getpid()}"
        self.client, self.server, self.wire = f"{name}-c", f"{name}-s", f"{name}-w"
        self.folder = Path(tempfile.mkdtemp(prefix="monipy-faults-"))
        self.control = self.folder / "cable"
        self.cable = None
        self.hosts = Path("/etc/netns") / self.client / "hosts"

    def inside(self, namespace, *command):
        return ["ip", "netns", "exec", namespace, *command]

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_):
        self.down()

    def up(self):
        self.hosts.parent.mkdir(parents=True, exist_ok=True)
        self.name(SERVER)
        self.control.write_text("", encoding="ascii")
        for namespace in (self.client, self.server, self.wire):
            ip("netns", "add", namespace)
            ip("-n", namespace, "link", "set", "lo", "up")
        for path in "12":
            for namespace, inner, outer in ((self.client, f"c{path}", f"wc{path}"), (self.server, f"s{path}", f"ws{path}")):
                ip("link", "add", inner, "netns", namespace, "type", "veth", "peer", "name", outer, "netns", self.wire)
                for where, interface in ((namespace, inner), (self.wire, outer)):
                    script = f"import sys; sys.path.insert(0, {str(HERE)!r}); import lab; lab.offload_off({interface!r})"
                    subprocess.run(self.inside(where, sys.executable, "-c", script), check=True)
                    ip("-n", where, "link", "set", interface, "up")
            ip("-n", self.client, "addr", "add", f"10.77.{path}.2/24", "dev", f"c{path}")
            ip("-n", self.server, "addr", "add", f"10.77.{path}.1/24", "dev", f"s{path}")
        for address in (SERVER, SECOND):
            ip("-n", self.server, "addr", "add", f"{address}/32", "dev", "lo")
        ip("-n", self.client, "link", "set", "c2", "down")
        ip("-n", self.client, "route", "add", "default", "via", "10.77.1.1")
        command = self.inside(self.wire, sys.executable, str(HERE / "cable.py"), str(self.control), "wc1:ws1", "wc2:ws2")
        self.cable = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        ready = Path(f"{self.control}.ready")
        deadline = time.monotonic() + 10
        while not ready.exists():
            if time.monotonic() > deadline or self.cable.poll() is not None:
                raise RuntimeError("the cable does not come up")
            time.sleep(0.02)

    def down(self):
        if self.cable:
            self.cable.kill()
            self.cable.wait()
        for namespace in (self.client, self.server, self.wire):
            ip("netns", "del", namespace, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.hosts.parent, ignore_errors=True)

    def set(self, words=""):
        """Faults on the cable; none without words."""
        fresh = self.folder / "cable.new"
        fresh.write_text(words, encoding="ascii")
        fresh.rename(self.control)
        time.sleep(0.06)

    def roam(self, to):
        """The client loses one path and gets the other: another source address."""
        path, other = ("2", "1") if to == "lte" else ("1", "2")
        ip("-n", self.client, "link", "set", f"c{path}", "up")
        ip("-n", self.client, "link", "set", f"c{other}", "down")
        ip("-n", self.client, "route", "replace", "default", "via", f"10.77.{path}.1")

    def renumber(self, host):
        """The client keeps its path, but its address changes, as by DHCP."""
        ip("-n", self.client, "addr", "flush", "dev", "c1")
        ip("-n", self.client, "addr", "add", f"10.77.1.{host}/24", "dev", "c1")
        ip("-n", self.client, "route", "replace", "default", "via", "10.77.1.1")

    def forget_address(self, address):
        """The server is not reachable at this address any more; nobody says so to the client."""
        ip("-n", self.server, "addr", "del", f"{address}/32", "dev", "lo")

    def name(self, address):
        """What the name sbc.test resolves to in the client's host. Written in place: it is mounted."""
        with open(self.hosts, "w", encoding="ascii") as file:
            file.write(f"127.0.0.1 localhost\n{address} sbc.test\n")
