"""A model's card: what a weight file is, where it came from, and what it was measured to do."""

import re
from dataclasses import dataclass, field

from mien.core.basis import BASES, Basis


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number: what was measured, its value, its unit, and the command that measures it again."""

    what: str
    value: float
    unit: str
    command: str


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything a user may ask of a weight file.

    Args:
        name: what it is called on the command line, `"landmarks"`.
        file: file name in the package.
        sha256: of the file, 64 hexadecimal digits; a file that hashes otherwise is refused.
        size: of the file in bytes.
        licence: of the weights.
        purpose: one sentence: what goes in, what comes out.
        input: shape, value range and meaning of the network's input.
        output_basis: name of the basis its weights are over, or None when it yields no expression.
        paper: what it implements, "our own" when nothing published.
        recipe: the command that trained it, with the settings that matter.
        data: what it was trained on, with licences, and what that means.
        weakness: where it is known to be weak.
        figures: what was measured.
        address: where its makers publish it, of weights that do not come with mien; else None.
    """

    name: str
    file: str
    sha256: str
    size: int
    licence: str
    purpose: str
    input: str
    output_basis: str | None
    paper: str
    recipe: str
    data: str
    weakness: str
    figures: tuple[Figure, ...] = field(default=())
    address: str | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise ValueError(f"card {self.name}: sha256 must be 64 hexadecimal digits")
        for name in ("licence", "data", "recipe"):
            if not getattr(self, name):
                raise ValueError(f"card {self.name}: {name} must be stated")
        if self.output_basis is not None and self.output_basis not in BASES:
            raise ValueError(f"card {self.name}: there is no basis {self.output_basis}")

    @property
    def basis(self) -> Basis | None:
        """The basis of its weights, or None."""
        return None if self.output_basis is None else BASES[self.output_basis]
