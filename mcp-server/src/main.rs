//! mcp-server

fn main() {}
