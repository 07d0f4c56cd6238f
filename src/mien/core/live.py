"""How a camera is keeping up, in figures."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of a live source at one moment.

    Args:
        seconds: from the arrival of its first frame to the last reading.
        frames: read so far.
        dropped: that came while another was read, and were not looked at.
        rate: frames read in a second, of late.
        latency: milliseconds from a frame's arrival to its reading, of late (median).
        median: of the latencies of all frames.
        worst: the latency that 95 of 100 frames stay below.
    """

    seconds: float = 0.0
    frames: int = 0
    dropped: int = 0
    rate: float = 0.0
    latency: float = 0.0
    median: float = 0.0
    worst: float = 0.0
