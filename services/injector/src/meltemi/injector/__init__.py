"""What runs beside a workload, decided from what the workload says of itself."""
