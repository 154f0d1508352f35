"""Times the same work here and in PyTorch, in alternating processes, and prints the ratios PyTorch / ctorch.

    python bench/run.py                      all of bench/work.py, import time, memory, installed size
    python bench/run.py lenet --threads 1    what has `lenet` in its name, one thread
    python bench/run.py none --introduction  only the whole introduction: PyTorch, ctorch from Python and from C
    python bench/run.py --script S --data D  also a whole program, unmodified, which takes --data

Each round starts one process per library, in turn; a process runs every workload for a short while and reports the shortest and the
median time of a call. Printed: the minimum over rounds and the median of medians, microseconds. No number here is a test.
The peer needs PyTorch in the interpreter that runs this file; ctorch is taken from ../python (or CT_BENCH_PATH).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CTORCH = os.environ.get("CT_BENCH_PATH", os.path.join(HERE, "..", "python"))
LIBRARIES = ("torch", "ctorch")


def environment(library):
    """As a user has it: pip compiles what it installs, so an import must find its compiled modules here as well."""
    env = dict(os.environ)
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    if library == "ctorch":
        env["PYTHONPATH"] = CTORCH + os.pathsep + env.get("PYTHONPATH", "")
    return env


def child(library, names, threads, seconds):
    """One process of a round: {name: [shortest, median]} in seconds per call, on standard output."""
    sys.path.insert(0, HERE)
    from work import WORK
    torch = __import__(library)
    torch.set_num_threads(threads)
    found = {}
    for name in names:
        try:
            call = WORK[name][1](torch)
            call(), call()
        except Exception as error:                     # one library may not have it: say so, go on
            found[name] = str(error)
            continue
        start = time.perf_counter()
        call()
        once = max(time.perf_counter() - start, 1e-7)
        calls = max(1, int(2e-3 / once))
        times, end = [], time.perf_counter() + seconds
        while time.perf_counter() < end or len(times) < 3:
            start = time.perf_counter()
            for _ in range(calls):
                call()
            times.append((time.perf_counter() - start) / calls)
        found[name] = [min(times), statistics.median(times)]
    print(json.dumps(found))


def compare(names, threads, rounds, seconds):
    best = {library: {} for library in LIBRARIES}
    for _ in range(rounds):
        for library in LIBRARIES:
            command = [sys.executable, os.path.abspath(__file__), "--child", library, "--threads", str(threads),
                       "--seconds", str(seconds), *names]
            out = subprocess.run(command, env=environment(library), capture_output=True, text=True)
            if out.returncode:
                sys.exit(f"{library} failed:\n{out.stderr}")
            for name, value in json.loads(out.stdout.splitlines()[-1]).items():
                best[library].setdefault(name, []).append(value)
    print(f"\n{threads} thread{'s' if threads > 1 else ''}, us a call (minimum | median)")
    print(f"{'':26}{'torch':>21}{'ctorch':>23}{'ratio':>14}")
    for name in names:
        rows = [best[library][name] for library in LIBRARIES]
        broken = [f"{library}: {v}" for library, row in zip(LIBRARIES, rows) for v in row if isinstance(v, str)]
        if broken:
            print(f"{name:26}{broken[0][:90]}")
            continue
        low = [min(v[0] for v in row) * 1e6 for row in rows]
        mid = [statistics.median(v[1] for v in row) * 1e6 for row in rows]
        print(f"{name:26}{low[0]:10.2f} |{mid[0]:9.2f}{low[1]:12.2f} |{mid[1]:9.2f}"
              f"{low[0] / low[1]:8.2f} |{mid[0] / mid[1]:5.2f}", flush=True)


SIZE_PROGRAM = """
import sys, time, os
def resident():
    return [int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('VmRSS')][0] / 1024
before, start = resident(), time.perf_counter()
module = __import__(sys.argv[1])
spent = time.perf_counter() - start
folder = os.path.dirname(module.__file__)
size = sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(folder) for f in fs if '__pycache__' not in d)
print(spent * 1e3, resident() - before, size / 2**20)
"""


def footprint(rounds):
    print("\nimport ms (minimum) | resident MB over bare Python | installed MB")
    for library in LIBRARIES:
        rows = []
        for _ in range(rounds):
            out = subprocess.run([sys.executable, "-c", SIZE_PROGRAM, library], env=environment(library), capture_output=True,
                                 text=True, check=True).stdout
            rows.append([float(v) for v in out.split()])
        print(f"{library:8}{min(r[0] for r in rows):10.1f} |{min(r[1] for r in rows):8.1f} |{rows[0][2]:8.1f}")


# torchvision verifies the published archive; the carried copy has the same batches with pixels that went through JPEG.
UNVERIFIED = """
import runpy, sys, torchvision
torchvision.datasets.CIFAR10._check_integrity = lambda self: True
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def whole(title, commands, rounds):
    """Whole programs, {name: (library whose environment it runs in, command)}, each in an empty folder; seconds of wall clock."""
    print(f"\n{title}, seconds in all")
    best = {name: [] for name in commands}
    for _ in range(rounds):
        for name, (library, command) in commands.items():
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                out = subprocess.run(command, env=environment(library), cwd=folder, capture_output=True, text=True)
                best[name].append(time.perf_counter() - start)
            if out.returncode:
                sys.exit(f"{name} failed:\n{out.stderr}")
            print(f"{name:12}{best[name][-1]:9.2f}", flush=True)
    first, *others = commands
    for name in others:
        print(f"ratio of minima, {first} over {name}: {min(best[first]) / min(best[name]):.2f}")


def script(path, data, rounds):
    path, data = os.path.abspath(path), ["--data", os.path.abspath(data)] if data else []
    whole(os.path.basename(path), {"torch": ("torch", [sys.executable, "-c", UNVERIFIED, path, *data]),
                                   "ctorch": ("ctorch", [sys.executable, "-m", "ctorch", path, *data])}, rounds)


def introduction(rounds):
    """The introduction on all of CIFAR-10, two epochs, two workers, seed 0: PyTorch, ctorch from Python, ctorch from C."""
    build = os.path.join(HERE, "..", "build")
    data, program = os.path.join(build, "cifar10"), os.path.join(build, "introduction")
    if not os.path.isdir(data):
        subprocess.run([sys.executable, "-m", "ctorch.vision._prepare", os.path.join(HERE, "..", "examples", "data", "cifar10-jpeg.tar.xz"),
                        data], env=environment("ctorch"), check=True)
    with open(os.path.join(build, "ctorch.pc"), encoding="utf-8") as f:
        private = [line.split()[1:] for line in f if line.startswith("Libs.private:")][0]
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-I", os.path.join(HERE, "..", "include"),
                    os.path.join(HERE, "..", "examples", "c", "introduction.c"), os.path.join(build, "libctorch.a"), *private, "-o", program],
                   check=True)
    path, arguments = os.path.join(HERE, "..", "tests", "introduction", "introduction_2_x.py"), ["--data", os.path.abspath(data)]
    path = os.path.abspath(path)
    whole("the introduction", {"torch": ("torch", [sys.executable, "-c", UNVERIFIED, path, *arguments]),
                               "ctorch": ("ctorch", [sys.executable, "-m", "ctorch", path, *arguments]),
                               "C": ("ctorch", [os.path.abspath(program), *arguments])}, rounds)


def main():
    sys.path.insert(0, HERE)
    import work
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patterns", nargs="*", help="parts of names; default all")
    parser.add_argument("--child", choices=LIBRARIES, help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=0, help="only this number of threads")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=.15, help="for each workload in each process")
    parser.add_argument("--introduction", action="store_true", help="the whole introduction as well (minutes)")
    parser.add_argument("--script", help="a whole program as well (slow)")
    parser.add_argument("--data", help="its --data argument")
    args = parser.parse_args()
    if args.child:
        return child(args.child, args.patterns, args.threads, args.seconds)
    chosen = [n for n in work.names() if not args.patterns or any(p in n for p in args.patterns)]
    train = [n for n in chosen if n in work.names(group="train")]
    if chosen and args.threads != 2:
        compare(chosen, 1, args.rounds, args.seconds)
    if args.threads == 2:
        compare(chosen, 2, args.rounds, args.seconds)
    elif train and not args.threads:
        compare(train, 2, args.rounds, args.seconds)
    if not args.patterns:
        footprint(args.rounds)
    if args.introduction:
        introduction(1 if args.rounds < 3 else 2)
    if args.script:
        script(args.script, args.data, 1 if args.rounds < 3 else 2)


if __name__ == "__main__":
    main()
