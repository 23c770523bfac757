# What can be done here
[private]
default:
    @just --list --unsorted

# everything for real, as two people; stays up with commands to copy
demo *flags:
    cargo xtask demo {{flags}}

# everything that CI runs, or the suites named
test *suites:
    cargo xtask test {{suites}}

# what the filter costs, beside Envoy's own, or the STS: filter, sts
bench what="filter":
    cargo xtask bench {{what}}

# what would fail open or not work in configuration or manifests
check path:
    cargo xtask check {{path}}

# what is shipped: programs, module, images, checksums
dist:
    cargo xtask dist

# every generated file anew
generate:
    cargo xtask generate

# stock rustfmt
format:
    cargo fmt --all
