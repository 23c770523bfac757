//! Prints the chapter of `docs/metrics.md` about this program, for `cargo xtask generate`.

fn main() {
    print!("{}", obolus_sts::metrics::table::to_markdown());
}
