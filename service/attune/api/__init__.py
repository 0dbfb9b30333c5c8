"""The contract over gRPC: one servicer per proto service. Messages in, messages out, errors to status codes."""
