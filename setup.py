"""The build as a table: which modules, at which instruction-set levels, with which flags.

Project metadata is in pyproject.toml; only what setuptools cannot express there is here.
"""

import os
import platform
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 (pip asks here before it reads requires-python, after Cython's minutes)
    raise SystemExit(
        f"fastebm needs Python 3.11 or newer; this is {platform.python_version()} ({sys.executable})"
    )

import Cython
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext
from setuptools.modified import newer_group

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "tools"))
from levels import split, table

# Kernels compiled once.
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

# Kernels compiled once per level; `fastebm._runtime.isa` picks one level when the package is imported. What handles
# Python objects is compiled once anyway (tools/levels.py).
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

# Every call from Python goes through these: at -Os like the others it would take 0.25 us more of 2.3.
EVERY_CALL = [
    "fastebm._runtime.fast",
    "fastebm.energies.base",
    "fastebm.samplers.base",
    "fastebm.samplers.driver",
    SHARED,
]

# One shared object holds all of it (`fastebm._runtime.core` finds the modules there): 9 KB less for each.
CORE = "fastebm._core"

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
    # Energies, samplers and augmentations say themselves how they are copied; the rest hold pointers.
    "auto_pickle": False,
}

# No -ffast-math and no contraction: every level must give the same bits (fma() is written out where it is wanted).
# -fno-math-errno lets sqrt and fma vectorise; it and -fno-trapping-math keep the bits.
UNIX_FLAGS = [
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-strict-aliasing",
    "-fvisibility=hidden",
    "-ffunction-sections",
    "-fdata-sections",
    "-Wno-unused-function",
    "-g0",
]

X86_LEVELS = {
    "x86_64": ["-march=x86-64"],
    "x86_64_v3": ["-march=x86-64-v3"],
    "x86_64_v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}
# Flags that only gcc knows. Scheduled and unrolled: 3 % less for two wells, 8 % for eight; with AVX2 no gain.
GCC_FLAGS = {
    "x86_64_v4": ["-mtune=icelake-server", "-fschedule-insns", "-fsched-pressure"],
}
UNROLLED = {
    "x86_64_v4": ["-funroll-loops", "--param=max-unroll-times=2"],
}
# Products in tiles are no faster unrolled (within 1 %), and a third larger.
TILED = [
    "fastebm.energies.network",
    "fastebm.kernels.probe",
    "fastebm.networks.images",
    "fastebm.networks.layers",
    "fastebm.networks.spectral",
]
ELSEWHERE = {"generic": []}

MSVC = sys.platform == "win32" and "GCC" not in sys.version
LEVELS = X86_LEVELS if platform.machine().lower() in ("x86_64", "amd64") and not MSVC else ELSEWHERE
FLAGS = ["/fp:precise"] if MSVC else UNIX_FLAGS
FAST, QUICK, SMALL = (["/O2"], ["/O2"], ["/O1"]) if MSVC else (["-O3"], ["-O2"], ["-Os"])
LINK_FLAGS = ["-Wl,-s", "-Wl,--gc-sections", "-Wl,--sort-section=name"] if sys.platform == "linux" else []

# One abi3 wheel serves every CPython from 3.11; free-threaded builds have no stable ABI yet.
ABI3 = not sysconfig.get_config_var("Py_GIL_DISABLED")
# Types made at run time everywhere, as the limited API has them: a class of another package must be of the same kind.
MACROS = [("Py_LIMITED_API", "0x030B0000")] if ABI3 else [("CYTHON_USE_TYPE_SPECS", "1")]


def extension(name, sources):
    return Extension(
        name,
        sources,
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
    # Cython looks at the dates of the .pyx files alone: with other directives it would take the C files that are there.
    by, now = Path("build/cython/by.txt"), f"Cython {Cython.__version__}, {DIRECTIVES}\n"
    generated = cythonize(
        [extension(n, [source(n)]) for n in modules()] + [extension(SHARED, ["build/cython/_cyutility.c"])],
        shared_utility_qualified_name=SHARED,
        compiler_directives=DIRECTIVES,
        include_path=["src"],
        build_dir="build/cython",
        nthreads=0,
        force=not by.exists() or by.read_text() != now,
    )
    by.parent.mkdir(parents=True, exist_ok=True)
    by.write_text(now)
    core = extension(CORE, [])
    core.parts = {ext.name: ext.sources[0] for ext in generated}
    return [core]


def entry_point(name):
    """What `fastebm._runtime.core` asks the core for."""
    return "PyInit_" + name.replace(".", "_")


def objects_of(name, file, gcc):
    """What is compiled for a module: (C file, flags, macros, name of the object's folder)."""
    levels = LEVELS if name in LEVELLED else {"plain": []}
    face, kernels = split(file, name, levels, None if name == SHARED else source(name))
    if name in LEVELLED and not kernels:
        raise SystemExit(f"setup.py: {name} has no function without Python objects; move it to PLAIN")
    # Cython's name for the entry point is the last part of the module's name alone: two are called `base`.
    renamed = [("PyInit_" + name.rpartition(".")[2], entry_point(name))]
    yield face, QUICK if name in EVERY_CALL else SMALL, renamed, "face"
    for level, flags in levels.items() if kernels else ():
        gcc_only = GCC_FLAGS.get(level, []) + ([] if name in TILED else UNROLLED.get(level, []))
        yield (
            kernels,
            FAST + flags + (gcc_only if gcc else []),
            [("FASTEBM_TABLE", table(name, level))],
            level,
        )


def contents(names):
    """The C file that tells `fastebm._runtime.cpu` what the core holds."""
    path = Path("build/cython/contents.c")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'const char fastebm_modules[] = "{" ".join(names)}";\n'
        f'const char fastebm_levels[] = "{" ".join(LEVELS)}";\n'
        "int fastebm_level = 0;\n"
    )
    return str(path)


def is_gcc(compiler):
    if MSVC:
        return False
    macros = subprocess.run(
        [*compiler, "-dM", "-E", "-x", "c", os.devnull], capture_output=True, text=True
    ).stdout
    return "__GNUC__" in macros and "__clang__" not in macros


class Build(build):
    """Leave in build/lib, which becomes the wheel, nothing that an older build put there."""

    def run(self):
        super().run()
        made = {
            os.path.abspath(file)
            for name in self.get_sub_commands()
            for file in self.get_finalized_command(name).get_outputs()
        }
        for path in Path(self.build_lib, "fastebm").rglob("*"):
            if path.is_file() and os.path.abspath(path) not in made:
                path.unlink()


class BuildExt(build_ext):
    """Compile the parts of the core, each with its flags, on every processor; then link them."""

    def finalize_options(self):
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def get_export_symbols(self, ext):
        return [entry_point(name) for name in ext.parts]

    def build_extension(self, ext):
        gcc = is_gcc(getattr(self.compiler, "compiler_so", []))
        tasks = [task for name, file in ext.parts.items() for task in objects_of(name, file, gcc)]
        tasks.append((contents(ext.parts), SMALL, [], "face"))
        with ThreadPoolExecutor(self.parallel) as pool:
            objects = list(pool.map(self.compile_task, tasks))
        self.compiler.link_shared_object(
            objects,
            self.get_ext_fullpath(ext.name),
            libraries=self.get_libraries(ext),
            extra_postargs=ext.extra_link_args,
            export_symbols=self.get_export_symbols(ext),
            debug=self.debug,
            build_temp=self.build_temp,
        )

    def compile_task(self, task):
        file, flags, macros, level = task
        folder = os.path.join(self.build_temp, level)
        (made,) = self.compiler.object_filenames([file], output_dir=folder)
        if self.force or newer_group([file, __file__], made):
            self.compiler.compile(
                [file],
                output_dir=folder,
                macros=[*MACROS, *macros],
                debug=self.debug,
                extra_postargs=FLAGS + flags,
            )
        return made


setup(
    ext_modules=extensions(),
    cmdclass={"build": Build, "build_ext": BuildExt},
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if ABI3 else {},
)
