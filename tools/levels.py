"""Split the C file of a Cython module in two: its face, compiled once, and its kernels, compiled once per level.

Three quarters of a module's machine code handle Python objects. Wider registers do nothing for that part, so it need
not be there three times. The cut is by what Cython wrote:

kernel
    A C function that handles no Python object, such as anything `noexcept nogil` (one that takes the GIL to raise is a
    kernel all the same).
face
    All else: `def` functions, properties, the types, the module itself. It calls a kernel, and fills the tables of
    methods, through an array of pointers, one array per level; `fastebm_level` says which.

The kernels' file has the whole text, and shares the variables of the face; what it does not need of it is `static` and
unused, so that the compiler leaves it out. A variable in C of our own would not be shared: have none where kernels are
compiled more than once.
"""

import re
from collections import Counter
from pathlib import Path

# Cython ends a function with a brace in the first column, and declares every one of them.
KERNEL = re.compile(
    r"^static [^;{}\n]*?\b(\w*__pyx_f_\w+)\([^;{}\n]*\) \{\n(.*?)^\}\n", re.MULTILINE | re.DOTALL
)
HANDLES_OBJECTS = re.compile(r"__Pyx_RefNannySetupContext\(.*, 0\)")
PROTOTYPE = re.compile(
    r"^static (?:CYTHON_\w+ )*([^;{}\n]*?)\b(\w*__pyx_f_\w+)(\([^;{}\n]*\));.*\n", re.MULTILINE
)
VARIABLE = re.compile(
    r"^static (?!CYTHON_)([^;{}()=\n]*[ *])(\w+)(?: = (?:0|NULL|\{[ 0,{}]*\}))?;", re.MULTILINE
)
POINTER = re.compile(r"^static ([^;{}()=\n]*\(\*)(\w+)(\)\([^;{}\n]*\))(?: = (?:0|NULL))?;", re.MULTILINE)
STATE = re.compile(
    r"^static (__pyx_mstatetype )(__pyx_mstate_global_static) =\n(?:.*\n)*?#endif$", re.MULTILINE
)
LEFT = re.compile(r"^static (?!const )[^(){}\n]*\b__pyx_v(?:p|tabptr|table)?_.*", re.MULTILINE)
# A function that the .pyx says handles no object.
NOGIL = re.compile(r"^ *cdef [^\n(=]*?\b(\w+)\((?:[^()]|\([^()]*\))*\)[^\n:()]*\bnogil:", re.MULTILINE)
# Declared twice: a variable only in name.
NOT_SHARED = {"__pyx_moduledef"}


class Variables:
    """The variables of a module, which get names of their own, since the face and every level see them."""

    def __init__(self):
        self.names = []

    def declared(self, text, storage):
        """The text with its variables declared as `storage` (nothing, or extern)."""

        def declare(match):
            before, name, after = (*match.groups(), "")[:3]
            if name in NOT_SHARED:
                return match.group()
            self.names.append(name)
            return f"{storage}{before}{name}{after};"

        for pattern in (STATE, VARIABLE, POINTER):
            text = pattern.sub(declare, text)
        left = LEFT.search(text)
        if left:
            raise SystemExit(
                f"tools/levels.py: every level would have its own copy of this variable: {left.group()}"
            )
        return text

    def renamed(self, module):
        return "".join(f"#define {name} {_prefix(module)}{name}\n" for name in dict.fromkeys(self.names))


def check(text, written, module):
    """Stop the build if the cut misses a kernel, as it could if Cython wrote C otherwise: it would be slow in silence.

    Parameters
    ----------
    text, written : str
        The C file, and the .pyx that it was made of.
    """
    bodies = [(m.group(1), m.group(2)) for m in KERNEL.finditer(text)]
    names = {name for name, _ in bodies}
    missed = sorted({m.group(2) for m in PROTOTYPE.finditer(text)} - names)
    found = [name for name, body in bodies if not HANDLES_OBJECTS.search(body)]
    missed += [
        name
        for name, times in Counter(NOGIL.findall(written)).items()
        if sum(kernel.endswith("_" + name) for kernel in found) < times
    ]
    if missed:
        raise SystemExit(
            f"tools/levels.py: in the C file of {module} these functions are not found, or not as kernels: "
            f"{', '.join(missed)}; Cython writes C otherwise than the patterns here say"
        )


def _prefix(module):
    return module.replace(".", "_") + "__"


def table(module, level):
    """Name of the array of a module's kernels at a level."""
    return _prefix(module) + level


def face(text, module, levels):
    """The text of the face, and the names of the kernels that it calls, in the order of the arrays."""
    kernels = {m.group(1) for m in KERNEL.finditer(text) if not HANDLES_OBJECTS.search(m.group(2))}
    text = KERNEL.sub(
        lambda m: m.group().split(" {\n")[0] + ";\n" if m.group(1) in kernels else m.group(), text
    )
    called = set(re.findall(r"\b\w*__pyx_f_\w+\b", PROTOTYPE.sub("", text))) & kernels
    order = []

    def as_type(match):
        name = match.group(2)
        if name not in kernels:
            return match.group()
        if name not in called or name in order:
            return ""
        order.append(name)
        return f"typedef {match.group(1)}{name}__type{match.group(3)};\n"

    text = PROTOTYPE.sub(as_type, text)
    variables = Variables()
    text = variables.declared(text, "")
    head = variables.renamed(module)
    if order:
        tables = [table(module, level) for level in levels]
        head += "extern int fastebm_level;\n"
        head += "".join(f"extern void (*const {name}[])(void);\n" for name in tables)
        head += f"static void (*const *const fastebm_kernels[])(void) = {{{', '.join(tables)}}};\n"
    which = "fastebm_level" if len(levels) > 1 else "0"
    for i, name in enumerate(order):
        head += f"#define {name} (*({name}__type *)fastebm_kernels[{which}][{i}])\n"
    return head + text, order


def kernels(text, module, order):
    """The text of the kernels, with their array, whose name is the macro FASTEBM_TABLE."""
    variables = Variables()
    text = variables.declared(text, "extern ")
    text = text.replace("__Pyx_PyMODINIT_FUNC PyInit_", "static PyObject *PyInit_")
    text = re.sub(r"^int __pyx_module_is_main_\w+ = 0;\n", "", text, flags=re.MULTILINE)
    pointers = ", ".join(f"(void (*)(void)){name}" for name in order)
    array = f"extern void (*const FASTEBM_TABLE[])(void);\nvoid (*const FASTEBM_TABLE[])(void) = {{{pointers}}};\n"
    return variables.renamed(module) + text + array


def split(source, module, levels, written=None):
    """Write the two files beside the C file of a module.

    Parameters
    ----------
    source, module : str
        The C file; the module's full name.
    levels : list of str
    written : str, optional
        The .pyx it was made of, if it was.

    Returns
    -------
    face, kernels : str
        Their paths; the second is None for a module without kernels.
    """
    text = Path(source).read_text(encoding="utf-8")
    check(text, Path(written).read_text(encoding="utf-8") if written else "", module)
    made, order = face(text, module, levels)
    files = {".face.c": made}
    if order:
        files[".kernels.c"] = kernels(text, module, order)
    paths = []
    for ending, content in files.items():
        path = Path(source).with_suffix(ending)
        # An old file that is right keeps its date, and its objects.
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")
        paths.append(str(path))
    return paths[0], (paths[1] if order else None)
