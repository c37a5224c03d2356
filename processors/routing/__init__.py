"""Collection routing: the problem, `solve`, the independent `check`, roads, and readers of benchmark files."""
