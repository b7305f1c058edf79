"""Split the C file of a Cython module in two: its face, compiled once, and its kernels, compiled once per level.

Three quarters of the machine code of a module handle Python objects. Wider registers do nothing for that part, so it
need not be there three times (5.9 MB of wheel came down to less than 2 that way). The cut is by what Cython wrote:

kernel
    A C function that handles no Python object, such as anything `noexcept nogil` (where one takes the GIL to raise,
    it is still a kernel).
face
    All else: `def` functions, properties, the types, the module itself. It calls a kernel, and fills the tables of
    methods, through an array of pointers, one array per level; `fastebm_level` says which.

Both files have the same text but for the functions that are the other's, and share the module's variables. What the
kernels' file does not need is `static` and unused, so that the compiler leaves it out.
"""

import re
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
    r"^static (__pyx_mstatetype )(__pyx_mstate_global_static) =\n(?:.*\n)*?#endif\n", re.MULTILINE
)
LEFT = re.compile(r"^static (?!const )[^(){}\n]*\b__pyx_v(?:p|tabptr|table)?_.*", re.MULTILINE)
# Declared twice: a variable only in name.
NOT_SHARED = {"__pyx_moduledef"}


class Shared:
    """The variables of a module, which get names of their own, since the face and every level see them."""

    def __init__(self, prefix):
        self.prefix = prefix
        self.names = []

    def share(self, text, storage):
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

    def renamed(self):
        return "".join(f"#define {name} {self.prefix}{name}\n" for name in dict.fromkeys(self.names))


def kernels_of(text):
    return [m.group(1) for m in KERNEL.finditer(text) if not HANDLES_OBJECTS.search(m.group(2))]


def face(text, prefix, kernels, levels):
    """The text of the face, and the kernels that it calls, in the order of the arrays."""
    kernels = set(kernels)
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
    shared = Shared(prefix)
    text = shared.share(text, "")
    tables = [f"{prefix}{level}" for level in levels]
    head = "extern int fastebm_level;\n"
    head += "".join(f"extern void (*const {table}[])(void);\n" for table in tables)
    head += (
        f"static void (*const *const fastebm_kernels[])(void) = {{{', '.join(tables)}}};\n" if order else ""
    )
    which = "fastebm_level" if len(tables) > 1 else "0"
    for i, name in enumerate(order):
        head += f"#define {name} (*({name}__type *)fastebm_kernels[{which}][{i}])\n"
    return head + shared.renamed() + text, order


def kernels_file(text, prefix, order):
    """The text of the kernels; FASTEBM_LEVEL is the level's name."""
    shared = Shared(prefix)
    text = shared.share(text, "extern ")
    text = text.replace("__Pyx_PyMODINIT_FUNC PyInit_", "static PyObject *PyInit_")
    text = re.sub(r"^int __pyx_module_is_main_\w+ = 0;\n", "", text, flags=re.MULTILINE)
    table = ", ".join(f"(void (*)(void)){name}" for name in order)
    paste = (
        "#define FASTEBM_PASTE(a, b) a##b\n#define FASTEBM_TABLE(level) FASTEBM_PASTE("
        + prefix
        + ", level)\n"
    )
    return (
        shared.renamed()
        + text
        + paste
        + "extern void (*const FASTEBM_TABLE(FASTEBM_LEVEL)[])(void);\n"
        + f"void (*const FASTEBM_TABLE(FASTEBM_LEVEL)[])(void) = {{{table}}};\n"
    )


def split(source, name, levels):
    """Write the two files beside the C file `source` of the module `name`.

    Returns
    -------
    face, kernels : str
        Their paths; the second is None for a module without kernels.
    """
    text = Path(source).read_text(encoding="utf-8")
    prefix = name.replace(".", "_") + "__"
    made, order = face(text, prefix, kernels_of(text), levels)
    files = {".face.c": made}
    if order:
        files[".kernels.c"] = kernels_file(text, prefix, order)
    paths = []
    for ending, content in files.items():
        path = Path(source).with_suffix(ending)
        # An old file that is right keeps its date, and its objects.
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")
        paths.append(str(path))
    return paths[0], (paths[1] if order else None)
