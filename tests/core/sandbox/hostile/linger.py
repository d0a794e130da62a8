"""Leaves processes behind in every way it knows. Arguments: a marker for their command lines, and whether to stay."""

import os
import signal
import subprocess
import sys
import time

marker, stay = sys.argv[1], sys.argv[2] == "stay"

STUBBORN = """
import os, signal, sys, time
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True:
    with open("/workspace/heartbeat", "a") as file: file.write("x")
    time.sleep(0.02)
"""


def stubborn():
    os.execv(sys.executable, [sys.executable, "-c", STUBBORN, marker])


def double_fork():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            stubborn()
        os._exit(0)
    os.wait()


def grandchild_of_a_dead_group():
    if os.fork() == 0:
        os.setpgid(0, 0)
        for _ in range(5):
            if os.fork():
                os._exit(0)
        stubborn()


def vfork_exec():
    subprocess.Popen([sys.executable, "-c", STUBBORN, marker], start_new_session=True)


def stopped():
    process = subprocess.Popen([sys.executable, "-c", STUBBORN, marker], start_new_session=True)
    time.sleep(0.1)
    os.kill(process.pid, signal.SIGSTOP)


for way in (double_fork, grandchild_of_a_dead_group, vfork_exec, stopped):
    way()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("READY", flush=True)
if stay:
    stubborn()
