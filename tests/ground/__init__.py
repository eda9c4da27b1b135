"""What the tests, the demo and the benchmarks stand on: a real Kubernetes API server and a simulated cloud."""
