//! Writes today's table of tools into a page that comes on standard input, for `cargo xtask generate`.

use std::io::Read as _;

fn main() -> Result<(), String> {
    let mut page = String::new();
    std::io::stdin().read_to_string(&mut page).map_err(|error| error.to_string())?;
    print!("{}", obolus_mcp::with_tools_table(&page)?);
    Ok(())
}
