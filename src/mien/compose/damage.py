"""What a damaged video did not give, and how that is said."""

from mien.compose.sources import Source


def damage(source: Source, frames: int) -> tuple[int, int]:
    """Frames that a source promised and did not give, and frames that its decoder guessed a part of.

    Args:
        source: read to its end.
        frames: how many it gave.
    """
    reader = source.reader
    if reader is None or not (reader.damaged or reader.concealed):
        return 0, 0
    # A damaged packet may cost its neighbours too: what the container promised counts, where it says so.
    promised = source.frame_count or frames + reader.damaged
    return max(promised - frames, 0), reader.concealed


def partly_read(frames: int, lost: int, guessed: int) -> str:
    """What there is of a damaged video, in words: of how many frames so many were read, and so many made up in part."""
    damaged = f", {guessed} of them damaged" if guessed else ""
    return f"{frames} of {frames + lost} frames could be read{damaged}"
