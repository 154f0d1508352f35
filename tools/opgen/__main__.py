"""The generator: python3 tools/opgen [--check] [--ops DIR --root DIR]. Standard library only. See README.md."""
import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import emit_c  # noqa: E402
import emit_py  # noqa: E402
import records  # noqa: E402


def outputs(ops_folder):
    """{path below the root: text} of everything that is generated."""
    ops, table = records.load(ops_folder)
    families = []
    for op in ops:
        if not families or families[-1][0] != op.family:
            families.append((op.family, []))
        families[-1][1].append(op)
    files = {}
    for family, members in families:
        files["src/gen/%s.c" % family] = emit_c.family_file(family, members, table)
        files["docs/reference/%s.md" % family] = emit_py.reference(family, members)
    files["src/gen/table.c"] = emit_c.table_file(ops)
    files["src/gen/ops_impl.h"] = emit_c.impl_header(families)
    files["include/ctorch/ops.h"] = emit_c.header(families)
    files["src/kernels/pointwise_list.h"] = emit_c.pointwise_list(ops)
    files["docs/reference/README.md"] = emit_py.reference_index(families)
    files["python/ctorch/_C.pyi"] = emit_py.stubs(ops)
    files["tests/ops/samples.json"] = emit_py.samples(ops)
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    root = os.path.dirname(os.path.dirname(HERE))
    parser.add_argument("--check", action="store_true", help="change nothing; fail where the committed output differs")
    parser.add_argument("--root", default=root)
    parser.add_argument("--ops", default=None)
    args = parser.parse_args()
    try:
        files = outputs(args.ops or os.path.join(args.root, "ops"))
    except records.RecordError as e:
        sys.exit("opgen: %s" % e)
    stale = []
    for path, text in sorted(files.items()):
        full = os.path.join(args.root, path)
        old = open(full, encoding="utf-8").read() if os.path.exists(full) else None
        if old == text:
            continue
        stale.append(path)
        if not args.check:
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as f:
                f.write(text)
    for folder in ("src/gen", "docs/reference"):
        full = os.path.join(args.root, folder)
        for name in sorted(os.listdir(full)) if os.path.isdir(full) else []:
            path = folder + "/" + name
            if path not in files and path not in ("src/gen/support.c", "src/gen/support.h"):
                stale.append(path)
                if not args.check:
                    os.remove(os.path.join(full, name))
    if args.check and stale:
        sys.exit("opgen: out of date, run `python3 tools/opgen` and commit: " + " ".join(stale))
    if not args.check:
        print("opgen: %d files, %d changed" % (len(files), len(stale)))


if __name__ == "__main__":
    main()
