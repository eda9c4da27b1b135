"""The API server: configuration, guarded requests, the Lease, Events. Only this package knows the kubernetes one."""
