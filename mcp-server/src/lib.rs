//! Kubernetes tools over MCP that act as the caller and nobody else.
