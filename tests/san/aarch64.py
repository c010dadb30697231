#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# uz-test: timeout 120
"""The runtime built for aarch64, under qemu-user: the kernel's scenarios, with the whole text
of each report."""

import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import cases  # noqa: E402

TARGET = "aarch64-linux-gnu"
for tool in (f"{TARGET}-gcc", "qemu-aarch64", "clang"):
    if not shutil.which(tool):
        cases.skip(f"{tool} is not installed (gcc-{TARGET}, libc6-dev-arm64-cross, qemu-user)")
folder = os.environ.get("TMPDIR") or tempfile.mkdtemp()
subprocess.run(["make", "-C", cases.ROOT, "--no-print-directory", "san", f"BUILD={folder}/build", "CC=gcc",
                f"KMSAN_CC={TARGET}-gcc", f"KMSAN_OBJCOPY={TARGET}-objcopy"], check=True,
               stdout=subprocess.DEVNULL)
cases.LIBRARY = f"{folder}/build/libkmsan"
cases.RUNNER = ["qemu-aarch64", "-L", f"/usr/{TARGET}"]
LEVELS = ("-O1",) if os.environ.get("UZ_TEST_SIZE", "quick") == "quick" else ("-O0", "-O1", "-O2")
failed, done = cases.check_file("kernel", folder, "clang", LEVELS, (f"--target={TARGET}",))
print(f"COUNT comparisons={done}")
sys.exit(1 if failed or not done else 0)
