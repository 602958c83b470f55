"""All public operations under one name."""

from ms_func import lax as lax
