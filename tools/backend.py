"""Build backend: setuptools, with `ziglang` as the compiler where the machine has none."""

from setuptools.build_meta import *  # noqa: F403
