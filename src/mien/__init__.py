"""mien reads the expression on a face: 52 blendshape weights, head pose, gaze and 478 landmarks, offline.

```python
import mien

capture = mien.capture("portrait.jpg")
for take in capture.takes:
    print(take.face, take.state.expression["jawOpen"][0])
```

The verbs: `capture`, `live`, `convert`, `animate`, `edit`, `load`, `save`. The nouns: `Capture`, `Take`, `FaceState`,
`Expression` over a `Basis`, `Pose`, `Gaze`, `Identity`, `Frame`, `Rig`, `Mesh`, and the `Wish` of an edit, made of
`Change`s. Nothing inside the package imports this front door.
"""

from mien.compose.animations import animate as animate
from mien.compose.captures import CaptureWarning as CaptureWarning
from mien.compose.captures import capture as capture
from mien.compose.captures import live as live
from mien.compose.conversions import ConvertOptions as ConvertOptions
from mien.compose.conversions import convert as convert
from mien.core.basis import ARKIT as ARKIT
from mien.core.basis import BASES as BASES
from mien.core.basis import Basis as Basis
from mien.core.errors import InputError as InputError
from mien.core.errors import MienError as MienError
from mien.core.errors import ModelError as ModelError
from mien.core.errors import NothingMatched as NothingMatched
from mien.core.errors import OutputError as OutputError
from mien.core.errors import OutputExists as OutputExists
from mien.core.errors import StateError as StateError
from mien.core.errors import UsageError as UsageError
from mien.core.face import Capture as Capture
from mien.core.face import Expression as Expression
from mien.core.face import FaceState as FaceState
from mien.core.face import Gaze as Gaze
from mien.core.face import Identity as Identity
from mien.core.face import Pose as Pose
from mien.core.face import Take as Take
from mien.core.geometry import Mesh as Mesh
from mien.core.image import Frame as Frame
from mien.formats.registry import load as load
from mien.formats.registry import save as save
from mien.pipelines.animate import AnimateOptions as AnimateOptions
from mien.pipelines.capture import CaptureOptions as CaptureOptions
from mien.pipelines.capture import FaceChoice as FaceChoice
from mien.pipelines.edit import edited_take as edit
from mien.rig.model import Rig as Rig
from mien.rig.shelf import rig_named as rig_named
from mien.rig.wishes import Change as Change
from mien.rig.wishes import Wish as Wish

__version__ = "0.1.0"

__all__ = [
    "ARKIT",
    "BASES",
    "AnimateOptions",
    "Basis",
    "Capture",
    "CaptureOptions",
    "CaptureWarning",
    "Change",
    "ConvertOptions",
    "Expression",
    "FaceChoice",
    "FaceState",
    "Frame",
    "Gaze",
    "Identity",
    "InputError",
    "Mesh",
    "MienError",
    "ModelError",
    "NothingMatched",
    "OutputError",
    "OutputExists",
    "Pose",
    "Rig",
    "StateError",
    "Take",
    "UsageError",
    "Wish",
    "animate",
    "capture",
    "convert",
    "edit",
    "live",
    "load",
    "rig_named",
    "save",
]
