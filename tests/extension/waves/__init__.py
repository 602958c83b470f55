"""A package of somebody else: two primitives and two transforms, by public names only."""

from pathlib import Path

from ms_func import extend
from tests.extension.waves.operations import chirp, circulant, circulant_p, ramp, ramp_p
from tests.extension.waves.transforms import halved_precision, inverse

__all__ = ["chirp", "circulant", "circulant_p", "halved_precision", "inverse", "ramp", "ramp_p"]

extend.hide_frames_of(str(Path(__file__).parent))  # errors name the lines of its users
