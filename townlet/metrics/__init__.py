"""What a service shows of itself to Prometheus. Every metric is explained in docs/metrics.md."""
