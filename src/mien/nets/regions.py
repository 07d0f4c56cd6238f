"""Where each channel is looked at: landmarks of the right half of a face, and of its middle.

Of the points in a box round the region, those that lie farthest apart, so that what is looked at round them covers all
of it; `tests/nets/test_regions.py` chooses them again from the mean face.
"""

from mien.core.basis import ARKIT

REGIONS: dict[str, tuple[int, ...]] = {
    "brow": (
        *(8, 9, 25, 28, 29, 30, 35, 46, 52, 53, 54, 55, 56, 63, 65, 66),
        *(68, 69, 70, 71, 104, 105, 107, 108, 113, 124, 130, 143, 145, 151, 153, 155),
        *(156, 160, 163, 168, 189, 190, 193, 221, 223, 225, 226, 244, 246, 468, 469, 470),
    ),
    "eye": (
        *(22, 23, 24, 25, 27, 28, 29, 30, 31, 46, 47, 52, 53, 55, 56, 65),
        *(112, 114, 117, 118, 119, 120, 121, 128, 130, 145, 153, 154, 157, 158, 161, 163),
        *(174, 188, 189, 190, 221, 225, 226, 228, 229, 230, 231, 232, 245, 247, 468, 470),
    ),
    "nose": (
        *(1, 3, 4, 5, 6, 20, 26, 36, 45, 47, 51, 59, 92, 94, 100, 114),
        *(115, 120, 121, 122, 126, 128, 129, 134, 142, 145, 153, 164, 165, 167, 173, 174),
        *(188, 195, 196, 197, 198, 203, 206, 209, 217, 220, 230, 231, 236, 237, 243, 245),
    ),
    "cheek": (
        *(36, 49, 50, 57, 58, 80, 82, 84, 87, 92, 93, 98, 100, 101, 106, 111),
        *(116, 118, 121, 123, 126, 132, 134, 135, 138, 146, 147, 165, 167, 172, 174, 180),
        *(187, 192, 202, 203, 205, 206, 207, 210, 213, 214, 216, 229, 230, 231, 234, 239),
    ),
    "mouth": (
        *(13, 17, 32, 41, 61, 84, 87, 89, 98, 164, 165, 167, 169, 170, 181, 200),
        *(201, 202, 203, 204, 205, 206, 210, 212, 216, 239, 269, 291, 302, 314, 317, 322),
        *(335, 393, 394, 395, 404, 418, 421, 422, 423, 425, 426, 430, 432, 436, 460, 461),
    ),
    "chin": (
        *(13, 17, 32, 37, 40, 43, 61, 81, 84, 87, 90, 106, 140, 149, 150, 169),
        *(170, 171, 181, 186, 194, 199, 200, 201, 210, 211, 212, 262, 267, 273, 311, 314),
        *(317, 320, 335, 369, 378, 379, 394, 396, 405, 407, 410, 418, 421, 430, 431, 432),
    ),
    "jaw": (
        *(17, 57, 77, 81, 83, 98, 136, 147, 148, 149, 150, 152, 165, 167, 172, 176),
        *(181, 192, 194, 199, 206, 207, 208, 210, 211, 213, 214, 268, 316, 322, 335, 365),
        *(376, 377, 395, 397, 400, 415, 416, 418, 421, 423, 427, 430, 432, 433, 436, 458),
    ),
}
"""48 landmarks of each region, rising."""

_REGION_OF = {
    "browDown": "brow",
    "browInnerUp": "brow",
    "browOuterUp": "brow",
    "cheekPuff": "jaw",
    "cheekSquint": "cheek",
    "eye": "eye",
    "jaw": "jaw",
    "mouthClose": "mouth",
    "mouthShrugLower": "chin",
    "mouth": "mouth",
    "noseSneer": "nose",
}
"""The region of a channel by how its name begins, the longest beginning first."""

READ = tuple(
    name
    for name, other in zip(ARKIT.columns, ARKIT.mirror, strict=True)
    if name != "tongueOut" and (ARKIT.columns[other] == name or name.endswith("Right"))
)
"""The 31 channels that one side of a face shows: the subject's right ones, and the middle's."""


def region_of(channel: str) -> str:
    """The name of the region that `channel` is read from."""
    return _REGION_OF[max((start for start in _REGION_OF if channel.startswith(start)), key=len)]
