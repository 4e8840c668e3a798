"""The benchmarks: one module a claim, each `python -m bench.NAME`."""
