"""Filters that people bring themselves: WasmPlugin and TrafficExtension."""
