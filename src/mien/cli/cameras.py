"""`mien cameras`: what `mien capture --camera` can read."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mien.cameras.systems import known_cameras, this_system
from mien.core.errors import printable

_SHOWN = 6


def list_cameras() -> int:
    """List the cameras: the number and the name by which `mien capture --camera` takes each, and its picture sizes.

    Example: mien cameras
    """
    found = known_cameras(this_system())
    table = Table("number", "name", "address", "sizes")
    for camera in found:
        sizes = ", ".join(map(str, camera.sizes[:_SHOWN]))
        more = f" and {len(camera.sizes) - _SHOWN} more" if len(camera.sizes) > _SHOWN else ""
        cells = (str(camera.index), printable(camera.name), printable(camera.address), camera.note or sizes + more)
        table.add_row(*map(Text, cells))  # texts, for names may look like markup
    Console().print(table)
    return 0
