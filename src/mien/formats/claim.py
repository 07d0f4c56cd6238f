"""What mien says of a picture that it wrote: what was done, to what, and by which networks.

A record and nothing else, so that who edits can build one without loading what signs it.
"""

import re
from dataclasses import dataclass
from importlib.metadata import version

from mien.core.card import ModelCard
from mien.core.errors import printable

TOOL = "mien"
"""What mien calls itself in a manifest; `mien verify` knows its own works by it."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ModelUsed:
    """A network that took part: its name and the SHA-256 of its weight file, 64 hexadecimal digits."""

    name: str
    sha256: str

    def __post_init__(self) -> None:
        if not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"model {self.name}: sha256 must be 64 hexadecimal digits")

    @classmethod
    def of(cls, card: ModelCard) -> "ModelUsed":
        """As the card of a weight file says."""
        return cls(card.name, card.sha256)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a result is.

    It names no person and no path: the manifest travels with the picture.

    Args:
        actions: what was done, in plain words, one entry a step, `"mouthSmileLeft = 0.7"`. Empty: nothing was changed.
        source_sha256: of the file that was edited, 64 hexadecimal digits; "" when the result was made from nothing.
        models: the networks that took part.
        generative: whether a network made up pixels, which is then said in the words of the standard
            (`compositeWithTrainedAlgorithmicMedia`); otherwise pixels were only moved or drawn.
        version: of mien.
    """

    actions: tuple[str, ...]
    source_sha256: str = ""
    models: tuple[ModelUsed, ...] = ()
    generative: bool = True
    version: str = version(TOOL)

    def __post_init__(self) -> None:
        if self.source_sha256 and not _SHA256.fullmatch(self.source_sha256):
            raise ValueError("source_sha256 must be 64 hexadecimal digits, or empty")
        # A manifest is UTF-8, and a name within an edit may not be.
        object.__setattr__(self, "actions", tuple(printable(action) for action in self.actions))
