"""The build as a table: which modules, at which instruction-set levels, with which flags.

Project metadata is in pyproject.toml; only what setuptools cannot express there is here.
"""

import copy
import os
import platform
import subprocess
import sys
import sysconfig

if sys.version_info < (3, 11):  # noqa: UP036 (pip asks here before it reads requires-python, after Cython's minutes)
    raise SystemExit(
        f"fastebm needs Python 3.11 or newer; this is {platform.python_version()} ({sys.executable})"
    )

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# Compiled once.
PLAIN = [
    "fastebm._runtime.cpu",
    "fastebm._runtime.control",
    "fastebm._runtime.fast",
    "fastebm._runtime.team",
    "fastebm.energies.base",
    "fastebm.energies.bridge",
    "fastebm.energies.combined",
    "fastebm.energies.compiled",
    "fastebm.energies.conditioned",
    "fastebm.energies.probe",
    "fastebm.energies.python_energy",
    "fastebm.kernels.well_loops",
    "fastebm.samplers.base",
    "fastebm.samplers.cycle",
    "fastebm.samplers.driver",
    "fastebm.samplers.scales",
    "fastebm.notebook._lists",
    "fastebm.notebook._random",
    "fastebm.notebook._compiled",
]

# Compiled once per level; `fastebm._runtime.isa` picks one level when the package is imported.
LEVELLED = [
    "fastebm.kernels.diagonal_wells",
    "fastebm.kernels.full_wells",
    "fastebm.kernels.probe",
    "fastebm.kernels.student_wells",
    "fastebm.energies.affine",
    "fastebm.energies.banana",
    "fastebm.energies.box",
    "fastebm.energies.double_well",
    "fastebm.energies.funnel",
    "fastebm.energies.gaussian",
    "fastebm.energies.gb_rbm",
    "fastebm.energies.mueller_brown",
    "fastebm.energies.network",
    "fastebm.energies.phi_four",
    "fastebm.energies.rosenbrock",
    "fastebm.energies.student_mixture",
    "fastebm.energies.student_t",
    "fastebm.energies.sum",
    "fastebm.energies.tempered",
    "fastebm.energies.well_mixture",
    "fastebm.mixtures._em",
    "fastebm.mixtures._em_full",
    "fastebm.mixtures._heavy",
    "fastebm.mixtures._kmeans",
    "fastebm.networks.images",
    "fastebm.networks.layers",
    "fastebm.networks.spectral",
    "fastebm.partition._anneal",
    "fastebm.samplers.sgld",
    "fastebm.samplers.mala",
    "fastebm.samplers.hmc",
    "fastebm.samplers.independence",
    "fastebm.samplers.mixture",
    "fastebm.samplers.tempering",
    "fastebm.samplers.underdamped",
    "fastebm.training.augment",
    "fastebm.training.history",
    "fastebm.training.loop",
    "fastebm.training.negatives",
    "fastebm.training.optimiser",
    "fastebm.training.positive",
    "fastebm.training.score_loop",
    "fastebm.training.weights",
]

# Holds the memoryview code that every module would otherwise carry a copy of (about 100 KB each).
SHARED = "fastebm._cyutility"

# A directive written in a .pyx does not reach inline functions of a .pxd, so all of them live here.
DIRECTIVES = {
    "language_level": 3,
    "binding": True,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "nonecheck": False,
    "freethreading_compatible": True,
}

# No -ffast-math and no contraction: every level must give the same bits (fma() is written out where it is wanted).
# -fno-math-errno lets sqrt and fma vectorise; it and -fno-trapping-math keep the bits.
UNIX_FLAGS = [
    "-O3",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-strict-aliasing",
    "-g0",
]

X86_LEVELS = {
    "x86_64": ["-march=x86-64"],
    "x86_64_v3": ["-march=x86-64-v3"],
    "x86_64_v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
# Flags that only gcc knows. Scheduled and unrolled: 3 % less for two wells, 8 % for eight; with AVX2 no gain.
GCC_FLAGS = {
    "x86_64_v4": [
        "-mtune=icelake-server",
        "-fschedule-insns",
        "-fsched-pressure",
        "-funroll-loops",
        "--param=max-unroll-times=2",
    ],
}
ELSEWHERE = {"generic": []}

MSVC = sys.platform == "win32" and "GCC" not in sys.version
LEVELS = X86_LEVELS if platform.machine().lower() in ("x86_64", "amd64") and not MSVC else ELSEWHERE
FLAGS = ["/O2", "/fp:precise"] if MSVC else UNIX_FLAGS
LINK_FLAGS = ["-Wl,-s"] if sys.platform == "linux" else []

# One abi3 wheel serves every CPython from 3.11; free-threaded builds have no stable ABI yet.
ABI3 = not sysconfig.get_config_var("Py_GIL_DISABLED")
# Types made at run time everywhere, as the limited API has them: a class of another package must be of the same kind.
MACROS = [("Py_LIMITED_API", "0x030B0000")] if ABI3 else [("CYTHON_USE_TYPE_SPECS", "1")]


def extension(name, sources, flags):
    return Extension(
        name,
        sources,
        define_macros=MACROS,
        extra_compile_args=FLAGS + flags,
        extra_link_args=LINK_FLAGS,
        libraries=[] if MSVC else ["m"],
        py_limited_api=ABI3,
    )


def source(name):
    return "src/" + name.replace(".", "/") + ".pyx"


def modules():
    """The names of the table, which must be those of the .pyx files: a slip must not drop a module silently."""
    names = PLAIN + LEVELLED
    here = {
        os.path.relpath(os.path.join(folder, file), "src")[:-4].replace(os.sep, ".")
        for folder, _, files in os.walk("src")
        for file in files
        if file.endswith(".pyx")
    }
    faults = [
        f"{n} is in the table twice; remove one" for n in sorted({n for n in names if names.count(n) > 1})
    ]
    faults += [
        f"{n} is in the table, but there is no {source(n)}; mend or remove it" for n in names if n not in here
    ]
    faults += [
        f"{source(n)} is not in the table; add {n!r} to PLAIN or LEVELLED" for n in sorted(here - set(names))
    ]
    if faults:
        raise SystemExit("setup.py: the table of modules does not fit src/:\n  " + "\n  ".join(faults))
    return names


def extensions():
    shared = extension(SHARED, ["build/cython/_cyutility.c"], [])
    generated = cythonize(
        [extension(n, [source(n)], []) for n in modules()] + [shared],
        shared_utility_qualified_name=SHARED,
        compiler_directives=DIRECTIVES,
        include_path=["src"],
        build_dir="build/cython",
        nthreads=0,
    )
    for ext in generated:
        if ext.name in PLAIN or ext.name == SHARED:
            yield ext
            continue
        package, _, module = ext.name.rpartition(".")
        for level, flags in LEVELS.items():
            # PyInit_<module> depends on the last part of the name alone, so one C file serves all levels.
            yield extension(f"{package}._{level}.{module}", list(ext.sources), flags)


def is_gcc(compiler):
    if MSVC:
        return False
    macros = subprocess.run(
        [*compiler, "-dM", "-E", "-x", "c", os.devnull], capture_output=True, text=True
    ).stdout
    return "__GNUC__" in macros and "__clang__" not in macros


class BuildExt(build_ext):
    """Give every level its own object folder (they share one C file) and use every core."""

    def finalize_options(self):
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def copy_extensions_to_source(self):
        for ext in self.extensions:
            os.makedirs(os.path.dirname(source(ext.name)), exist_ok=True)
        super().copy_extensions_to_source()

    def build_extensions(self):
        if is_gcc(getattr(self.compiler, "compiler_so", [])):
            for ext in self.extensions:
                for level, flags in GCC_FLAGS.items():
                    if f"._{level}." in ext.name:
                        ext.extra_compile_args = [*ext.extra_compile_args, *flags]
        super().build_extensions()

    def build_extension(self, ext):
        own = copy.copy(self)
        own.build_temp = os.path.join(self.build_temp, ext.name)
        super(BuildExt, own).build_extension(ext)


setup(
    ext_modules=list(extensions()),
    cmdclass={"build_ext": BuildExt},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if ABI3 else {},
)
