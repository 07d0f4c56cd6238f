"""Writes a real portrait to try mien on: Eileen Collins, NASA, public domain, as scikit-image ships it."""

import sys

import skimage.data
from PIL import Image

Image.fromarray(skimage.data.astronaut()).save(sys.argv[1])
