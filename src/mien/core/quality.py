"""How far a reading can be trusted, and why not further."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Quality:
    """What the trust in a reading is made of; each part is 0 to 1.

    Args:
        score: how sure the landmark network is that this is a face.
        size: 1 for a face of enough pixels.
        frontality: cosine of the angle between the face and the ray from the camera; 0 for one that is turned away.
        sharpness: detail, beside what a sharp and well lit face of its size has.
        explained: how well a rig explains the landmarks; 1 where none was fitted.
        occlusion: a guess how far something covers the face: 0 for what looks as faces do.
    """

    score: float
    size: float
    frontality: float
    sharpness: float
    explained: float = 1.0
    occlusion: float = 0.0

    def __post_init__(self) -> None:
        for part in fields(self):
            if not 0 <= getattr(self, part.name) <= 1:
                raise ValueError(f"{part.name} must lie in 0..1, got {getattr(self, part.name)}")

    @property
    def overall(self) -> float:
        """The product of all parts, of `occlusion` of what it leaves."""
        return self.score * self.size * self.frontality * self.sharpness * self.explained * (1 - self.occlusion)
