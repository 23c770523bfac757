//! Prints the chapters of `docs/metrics.md` about the programs of this package, for `cargo xtask generate`.

fn main() {
    print!("{}", obolus_sts::metrics::table::to_markdown());
    print!("{}", obolus_sts::facade::metrics_to_markdown());
}
