"""What is wrong between objects, each of which is fine alone: Istio's analyzers."""
