"""Writes tests/golden/*.json of the scenario tests from PyTorch: python tests/python/record.py [NAME...]"""
import importlib
import pathlib
import sys

import scenario

if __name__ == '__main__':
    import torch
    here = pathlib.Path(__file__).resolve().parent
    for path in sorted(here.glob('test_*.py')):
        if 'Scenarios(' not in path.read_text() or (sys.argv[1:] and not any(a in path.stem for a in sys.argv[1:])):
            continue
        module = importlib.import_module(path.stem)
        torch.set_num_threads(1)
        results = scenario.record(module.scenarios, torch)
        print(path.stem, len(results), 'scenarios;', sum('raises' in r for r in results.values()), 'of errors')
