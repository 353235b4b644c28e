#!/usr/bin/env python3
"""Assembles libtorch for the CPU from three Python wheels, and prints the folder that holds it.

The wheel `torch` is built for CUDA, but its CPU half stands alone: the headers, libtorch_cpu, libc10,
libgomp, and two small CUDA libraries that libtorch_cpu is linked with and never calls. A stub
libtorch.so stands in for the one that would load the GPU half.

The folder is $ASSAY_CACHE/libtorch/NAME. It appears by one rename, when it is complete. A wheel that
arrived whole is kept until then, so an interrupted run continues at the wheel it was at.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

VERSION = "2.13.0"

# Any Python fetches these three files and no others: the tags and the hashes say which.
WHEELS = {
    "torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl": (
        "torch==2.13.0",
        "60fcdcb2f3876e21146cb4524ef06397d727ca9ad5f020818547e25075fe3cb7",
    ),
    "nvidia_cuda_runtime-13.5.37-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl": (
        "nvidia-cuda-runtime==13.5.37",
        "df2b79a8852f10d1fef8c848489c49eebb5754051bf870202a862831412b179d",
    ),
    "nvidia_cuda_cupti-13.5.25-py3-none-manylinux_2_25_x86_64.whl": (
        "nvidia-cuda-cupti==13.5.25",
        "9dcca41c12a734192b14e7128ae116bc9ce1b9da686e2ebf48ae7a4415f76650",
    ),
}
TAGS = ["--python-version=3.11", "--implementation=cp", "--abi=cp311", "--abi=none"] + [
    f"--platform={p}_x86_64" for p in ("manylinux_2_28", "manylinux_2_25", "manylinux2014")
]

# Where each part of a wheel goes; a name that ends in "/" is a folder.
PARTS = {
    "torch/include/": "include/",
    "torch/lib/libtorch_cpu.so": "lib/libtorch_cpu.so",
    "torch/lib/libc10.so": "lib/libc10.so",
    "torch/lib/libgomp.so.1": "lib/libgomp.so.1",
    f"torch-{VERSION}.dist-info/licenses/": "licenses/torch/",
    "nvidia/cu13/lib/libcudart.so.13": "lib/libcudart.so.13",
    "nvidia_cuda_runtime-13.5.37.dist-info/licenses/": "licenses/cudart/",
    "nvidia/cu13/lib/libcupti.so.13": "lib/libcupti.so.13",
    "nvidia_cuda_cupti-13.5.25.dist-info/licenses/": "licenses/cupti/",
}
STUB = ["-shared", "-Wl,-soname,libtorch.so", "-Wl,--no-as-needed", "-Wl,-rpath,$ORIGIN", "-ltorch_cpu"]

# A changed recipe is another folder: nothing is ever repaired in place.
RECIPE = hashlib.sha256(repr((VERSION, WHEELS, PARTS, STUB)).encode()).hexdigest()[:8]


def main():
    cache = Path(os.environ.get("ASSAY_CACHE") or Path.home() / ".cache" / "assay") / "libtorch"
    folder = cache / f"{VERSION}-cpu-{RECIPE}"
    if not folder.is_dir():
        if os.uname().sysname != "Linux" or os.uname().machine != "x86_64":
            fail(
                "these wheels are for Linux on x86_64",
                f"set LIBTORCH to an unpacked libtorch {VERSION} for this machine",
            )
        cache.mkdir(parents=True, exist_ok=True)
        with open(cache / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.is_dir():  # another run may have been first
                assemble(cache, folder)
    print(folder)


def assemble(cache, folder):
    """Download, unpack beside the goal, rename."""
    for leftover in cache.glob("part-*"):
        shutil.rmtree(leftover)
    wheels = cache / "wheels"
    for n, (name, (requirement, digest)) in enumerate(WHEELS.items(), 1):
        say(f"[{n}/{len(WHEELS)}] {requirement}")
        download(wheels, name, requirement, digest)
    part = Path(tempfile.mkdtemp(prefix="part-", dir=cache))
    for name in WHEELS:
        say(f"unpacking {name.split('-')[0]}")
        unpack(wheels / name, part)
    say("linking the stub libtorch.so")
    (part / "lib" / "libgomp.so").symlink_to("libgomp.so.1")
    empty = part / "empty.c"
    empty.touch()
    lib = part / "lib"
    cc = os.environ.get("CC", "cc").split()
    subprocess.run([*cc, "-o", lib / "libtorch.so", empty, f"-L{lib}", *STUB], check=True, stdout=sys.stderr)
    empty.unlink()
    (part / "build-version").write_text(f"{VERSION}\n")
    part.chmod(0o755)  # mkdtemp makes it private
    part.rename(folder)
    shutil.rmtree(wheels)
    say(f"ready: {folder}")


def download(wheels, name, requirement, digest):
    """One wheel by pip, which refuses any file of another hash."""
    whole = wheels / name
    if whole.is_file() and sha256(whole) == digest:
        return
    wheels.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pip-", dir=wheels) as scratch:
        pins = Path(scratch) / "pins.txt"
        pins.write_text(f"{requirement} --hash=sha256:{digest}\n")
        pip = [sys.executable, "-m", "pip", "download", "--no-cache-dir", "--no-deps", "--only-binary=:all:"]
        command = [*pip, *TAGS, "--require-hashes", "-r", pins, "--dest", scratch]
        if subprocess.run(command, stdout=sys.stderr).returncode != 0:
            fail(f"pip could not download {requirement}", "run the same command again; whole wheels are kept")
        (Path(scratch) / name).rename(whole)


def unpack(wheel, part):
    """Only what PARTS names."""
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            goal = placed(entry.filename)
            if goal is None or entry.is_dir():
                continue
            path = part / goal
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, open(path, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)


def placed(name):
    for source, goal in PARTS.items():
        if name == source:
            return goal
        if source.endswith("/") and name.startswith(source):
            return goal + name[len(source) :]
    return None


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def say(text):
    print(f"libtorch: {text}", file=sys.stderr, flush=True)


def fail(message, hint):
    say(f"error: {message}")
    say(f"hint: {hint}")
    sys.exit(2)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
