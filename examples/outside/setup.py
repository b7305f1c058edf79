"""Build with `python setup.py build_ext --inplace`, or `pip install --no-build-isolation .`"""

import platform
import sys

from Cython.Build import cythonize
from setuptools import Extension, setup

# The first is needed: the types are then made at run time, as fastebm's are. Without it Python crashes.
MACROS = [("CYTHON_USE_TYPE_SPECS", "1")]
# Vector loops; and the same bits with and without "-march=native", because nothing is contracted to fma.
UNIX_FLAGS = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
if platform.machine() == "x86_64":
    # Ten times faster noise: its fma() is then an instruction, not a call. Not for a wheel that goes to other machines.
    UNIX_FLAGS.append("-march=native")
FLAGS = ["/O2", "/fp:precise"] if sys.platform == "win32" else UNIX_FLAGS
# Here and not in the .pyx, as they must reach the inline functions of fastebm.kernels too.
DIRECTIVES = {"boundscheck": False, "wraparound": False, "cdivision": True, "freethreading_compatible": True}

modules = Extension("outside_ebm.*", ["outside_ebm/*.pyx"], define_macros=MACROS, extra_compile_args=FLAGS)
setup(ext_modules=cythonize(modules, language_level=3, compiler_directives=DIRECTIVES))
