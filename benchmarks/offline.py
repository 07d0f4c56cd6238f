"""How many connections do mien's commands open? Each runs, counted, in a network of its own that leads nowhere."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import tyro
from ledger import command, publish
from memory import repeated
from rich.progress import track

from mien.core.errors import UsageError
from mien.core.report import Report, Row

CLIP, PHOTO = "single_face.mp4", "single_face.jpg"
FRAMES = 20

# In a network namespace of its own nobody else's packets are counted, and none gets out. The kernel counts what Python
# does as what C libraries do: connections, datagrams, and what found no way, which is every attempt to leave.
INSIDE = """
import array, fcntl, json, socket, struct, subprocess, sys
SIOCGIFFLAGS, SIOCSIFFLAGS, UP = 0x8913, 0x8914, 1
COUNTED = ("Tcp.ActiveOpens", "Udp.OutDatagrams", "Ip.OutNoRoutes", "Udp6OutDatagrams", "Ip6OutNoRoutes")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    name = b"lo".ljust(16, bytes(1))
    (flags,) = struct.unpack_from("h", fcntl.ioctl(any_socket, SIOCGIFFLAGS, name + bytes(16)), 16)
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, name + struct.pack("h", flags | UP) + bytes(14))
def counts():
    found = {}
    with open("/proc/net/snmp") as file:
        lines = file.read().splitlines()
    for names, values in zip(lines[::2], lines[1::2]):
        kind = names.partition(":")[0]
        found.update((kind + "." + name, int(value)) for name, value in zip(names.split()[1:], values.split()[1:]))
    with open("/proc/net/snmp6") as file:
        found.update((name, int(value)) for name, value in map(str.split, file))
    return sum(found.get(name, 0) for name in COUNTED)
before = counts()
run = subprocess.run(sys.argv[1:], capture_output=True, text=True)
print(json.dumps([counts() - before, run.returncode, run.stdout + run.stderr]))
"""

CONTROLS = {
    "a connection": "socket.socket().connect(('192.0.2.1', 9))",
    "a datagram": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 9))",
    "IPv6": "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 9))",
    "a name": "socket.getaddrinfo('example.invalid', 80)",
    "this computer": "socket.socket().connect(('127.0.0.1', 9))",
    "FFmpeg": "av.open('http://192.0.2.1/')",
}
"""Programs that do connect: what counts must see every one of them."""


def counted(line: Sequence[str], folder: Path) -> tuple[int, int, str]:
    """What a command line opened in `folder`, its exit status, and what it said."""
    settings = {"XDG_CONFIG_HOME": folder / "config", "XDG_DATA_HOME": folder / "data"}
    environment = {**os.environ, **{name: str(value) for name, value in settings.items()}}
    apart = ["unshare", "--map-root-user", "--net", "--", sys.executable, "-c", INSIDE, *line]
    run = subprocess.run(apart, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        cause = f"no network of its own can be made: {run.stderr.strip().splitlines()[-1]}"
        raise UsageError("benchmarks/offline.py", "E_USAGE", cause, "it needs Linux with user namespaces")
    opened, status, said = json.loads(run.stdout)
    return opened, status, said


def commands(data: Path, folder: Path) -> list[list[str]]:
    """What the product does, one after the other: later ones read what earlier ones have written."""
    photo, clip = str(data / "photos" / PHOTO), "clip.mp4"
    model = str(data / "models" / "face_landmarker.task")
    repeated(data / "videos" / CLIP, folder / clip, FRAMES, 1)
    return [
        ["capture", photo, "-o", "take.json", "-o", "table.csv", "--overlay", "overlay.png"],
        ["capture", clip, "-o", "clip.npz", "--overlay", "overlay.mp4", "--fit"],
        ["capture", photo, clip, "-o", "both.csv", "--workers", "2", "--journal", "run"],
        ["capture", photo, "-o", "peer.json", "--landmarker", "mediapipe", "--landmarker-file", model],
        ["convert", "clip.npz", "--to", "facs", "-o", "units.csv"],
        ["animate", "clip.npz", "-o", "face.glb"],
        ["animate", "clip.npz", "-o", "face.mp4"],
        ["edit", photo, "--set", "mouthSmile=0.5", "-o", "smile.jpg", "--report", "report.png"],
        ["edit", clip, "--set", "mouthSmile=0.5", "-o", "smile.mp4"],
        ["verify", "smile.jpg"],
        ["models", "verify"],
        ["rigs"],
    ]


def main(data: Path, ledger: bool = False) -> None:
    """Count the connections that mien's commands open.

    Args:
        data: Folder with photos, videos and MediaPipe's model.
        ledger: Also write the figures into benchmarks/ledger.
    """
    if shutil.which("unshare") is None:
        raise UsageError("benchmarks/offline.py", "E_USAGE", "there is no `unshare`", "it needs Linux with util-linux")
    source = str(Path(__file__).resolve().parent.parent / "src")
    os.environ["PYTHONPATH"] = os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH")])])
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder, missed, total = Path(name), 0, 0
        for what, program in CONTROLS.items():
            opened, _, _ = counted([sys.executable, "-c", f"import av, socket; {program}"], folder)
            missed += opened == 0
            print(f"control: {what}: {opened}")
        lines = commands(data.resolve(), folder)
        for line in track(lines, "commands", transient=True):
            opened, status, said = counted([sys.executable, "-m", "mien", *line], folder)
            if status != 0:
                raise RuntimeError(f"mien {' '.join(line)} ended with {status}: {said}")
            total += opened
            rows.append(Row(f"mien {' '.join(Path(word).name for word in line)}", float(opened), ""))
    rows = [
        Row("connections, datagrams and look-ups of all commands together", float(total), "", "<= 0", None),
        Row("controls that do connect and were not counted", float(missed), "", "<= 0", None),
        *rows,
    ]
    notes = (
        "Each command ran in a network namespace of its own with nothing but a loopback; the kernel's counters of that "
        "namespace tell of TCP connections, UDP datagrams and packets without a way, whichever library sent them.",
        f"Controls, each counted at least once: {', '.join(CONTROLS)}.",
    )
    publish(Report("Connections", command(data), tuple(rows), notes), ledger)


if __name__ == "__main__":
    tyro.cli(main)
