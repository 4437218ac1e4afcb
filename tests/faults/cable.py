#!/usr/bin/env python3
"""A cable between pairs of network interfaces, with faults on it: loss, delay, jitter, holes.

    cable.py CONTROL_FILE IF1:IF2 [IF3:IF4 ...]

It works in user space, so that no kernel module is needed (sch_netem is missing from many
containers). CONTROL_FILE holds words such as `loss=30 delay=100`; it is read anew when it changes:

    delay=MS jitter=MS loss=PERCENT udploss=PERCENT tcploss=PERCENT hole=0|1 dir=both|up|down

`up` is from the first interface of a pair to the second. A packet may overtake another when there is
jitter. ARP always goes through, save through a hole.
"""
import heapq
import os
import random
import select
import socket
import struct
import sys
import time

PACKET_IGNORE_OUTGOING = 23
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP = 1
PACKET_MR_PROMISC = 1
UDP, TCP = 17, 6


def settings(path):
    values = dict(delay=0.0, jitter=0.0, loss=0.0, udploss=0.0, tcploss=0.0, hole=0.0, dir="both")
    try:
        with open(path, encoding="ascii") as file:
            for word in file.read().split():
                key, _, value = word.partition("=")
                if key in values:
                    values[key] = value if key == "dir" else float(value)
    except OSError:
        pass
    return values


def open_socket(interface):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((interface, 0))
    s.setblocking(False)
    s.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, struct.pack("IHH8s", socket.if_nametoindex(interface), PACKET_MR_PROMISC, 0, b""))
    s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    return s


def main():
    control = sys.argv[1]
    sockets, ways = {}, {}
    epoll = select.epoll()
    for pair in sys.argv[2:]:
        a, b = (open_socket(interface) for interface in pair.split(":"))
        for here, there, way in ((a, b, "up"), (b, a, "down")):
            sockets[here.fileno()] = here
            ways[here.fileno()] = (there, way)
            epoll.register(here.fileno(), select.EPOLLIN)
    values, changed, waiting, number = settings(control), 0, [], 0
    chance = random.Random(1)
    with open(control + ".ready", "w", encoding="ascii") as file:
        file.write(str(os.getpid()))
    while True:
        now = time.monotonic()
        try:
            modified = os.stat(control).st_mtime_ns
            if modified != changed:
                changed, values = modified, settings(control)
        except OSError:
            return
        while waiting and waiting[0][0] <= now:
            _, _, there, packet = heapq.heappop(waiting)
            try:
                there.send(packet)
            except OSError:
                pass
        patience = min(0.05, max(0.0, waiting[0][0] - time.monotonic())) if waiting else 0.05
        for descriptor, _ in epoll.poll(patience):
            there, way = ways[descriptor]
            for _ in range(256):
                try:
                    packet = sockets[descriptor].recv(65600)
                except OSError:
                    break
                hit = values["dir"] in ("both", way)
                if hit and values["hole"]:
                    continue
                at = time.monotonic()
                if hit and packet[12:14] == b"\x08\x00":
                    protocol = packet[23]
                    loss = values["loss"] + (values["udploss"] if protocol == UDP else values["tcploss"] if protocol == TCP else 0)
                    if chance.random() * 100 < loss:
                        continue
                    at += max(0.0, values["delay"] + chance.uniform(-values["jitter"], values["jitter"])) / 1000
                number += 1
                heapq.heappush(waiting, (at, number, there, packet))


if __name__ == "__main__":
    main()
