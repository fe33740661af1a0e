"""What a process shows of itself: metrics for Prometheus, and whether it lives and is ready."""
