"""How many threads NumPy's linear algebra has in a process, asked of the library itself.

`SAY_THREADS` is a piece of Python to run in that process. It leaves a line with the number in `said`; where the library
is another than the OpenBLAS in NumPy's wheels, or the system has no `/proc`, that is what the environment asks for.
"""

SAY_THREADS = """
import ctypes, os, re
import numpy
def threads():
    maps = open("/proc/self/maps").read() if os.path.exists("/proc/self/maps") else ""
    for path in set(re.findall(r"/\\S*openblas\\S*", maps)):
        library = ctypes.CDLL(path)
        for name in ("scipy_openblas_get_num_threads64_", "scipy_openblas_get_num_threads"):
            if hasattr(library, name):
                return getattr(library, name)()
    return int(os.environ["OPENBLAS_NUM_THREADS"])
said = f"{threads()}\\n"
"""
MANY = {"OPENBLAS_NUM_THREADS": "4", "OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "4"}
"""An environment that asks for more than one."""
