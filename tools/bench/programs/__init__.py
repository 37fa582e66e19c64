"""Programs that the benchmarks run in processes of their own. They import nothing of this project but what they measure."""
