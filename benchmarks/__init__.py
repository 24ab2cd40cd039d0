"""The figures that `docs/performance.md` quotes: `python -m benchmarks` measures them and prints one table."""
