#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""qmp.py SOCKET COMMAND: one command to qemu's QMP socket; prints what it returns, as JSON."""

import json
import socket
import sys

path, command = sys.argv[1:]
with socket.socket(socket.AF_UNIX) as s:
    s.settimeout(120)
    s.connect(path)
    lines = s.makefile("rw")
    assert "QMP" in json.loads(lines.readline())
    for execute in ("qmp_capabilities", command):
        lines.write(json.dumps({"execute": execute}) + "\n")
        lines.flush()
        answer = {"event": 1}
        while "event" in answer:
            answer = json.loads(lines.readline())
        if "error" in answer:
            sys.exit(f"qmp.py: {execute}: {answer['error']['desc']}")
    print(json.dumps(answer["return"]))
