"""Whether the application beside a proxy is well."""
