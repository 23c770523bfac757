//! Command lines of `kubernetes-mcp-server`, which people have in their clients' settings: what to write here instead.

/// Its flags that have a value.
const WITH_VALUE: [&str; 19] = [
    "--authorization-url",
    "--bind-address",
    "--certificate-authority",
    "--cluster-provider",
    "--config",
    "--config-dir",
    "--http-port",
    "--kubeconfig",
    "--list-output",
    "--log-file",
    "--log-level",
    "--metrics-port",
    "--oauth-audience",
    "--port",
    "--sse-base-url",
    "--sse-port",
    "--tls-cert",
    "--tls-key",
    "--toolsets",
];
/// Its flags that have none, or may have one.
const WITHOUT_VALUE: [&str; 6] = [
    "--disable-destructive",
    "--disable-multi-cluster",
    "--read-only",
    "--require-oauth",
    "--require-tls",
    "--stateless",
];
/// Those of them that make it serve over HTTP.
const OF_HTTP: [&str; 3] = ["--http-port", "--port", "--sse-port"];
/// Those that stdio mode has, too.
const OF_STDIO: [&str; 10] = [
    "--cluster-provider",
    "--config",
    "--disable-destructive",
    "--disable-multi-cluster",
    "--kubeconfig",
    "--list-output",
    "--log-file",
    "--log-level",
    "--read-only",
    "--toolsets",
];

/// A flag as it was written.
struct Flag<'a> {
    name: &'a str,
    value: Option<&'a str>,
}

/// What to write instead of these arguments (without the program's name), if they are such a command line and not one of ours.
pub(crate) fn instead_of(arguments: &[String]) -> Option<String> {
    let (is_stdio, rest) = match arguments.split_first() {
        Some((first, rest)) if first == "stdio" => (true, rest),
        _ => (false, arguments),
    };
    let flags = read(rest)?;
    if is_stdio && flags.iter().all(|flag| OF_STDIO.contains(&flag.name)) {
        // Whatever is wrong with it, it is ours.
        return None;
    }
    let over_http = flags.iter().any(|flag| OF_HTTP.contains(&flag.name));
    Some(match (is_stdio, over_http) {
        (false, true) => http(&flags),
        (true, true) => format!(
            "in stdio mode nobody connects, so there is no port. Write\n  {}\nOr {}",
            stdio(&flags),
            http(&flags)
        ),
        (_, false) => {
            let left_out: Vec<&str> = flags
                .iter()
                .map(|flag| flag.name)
                .filter(|name| !OF_STDIO.contains(name))
                .collect();
            let left_out = match left_out.as_slice() {
                [] => String::new(),
                names => format!(
                    "\nThat is without {}, which stdio mode has no use for; --help tells what there is",
                    names.join(", ")
                ),
            };
            format!(
                "to serve yourself on standard input and output, with your kubeconfig, write\n  {}{left_out}\n\
                 To serve many people over HTTP, each with the token that comes with their call, write\n  obolus-mcp --config FILE",
                stdio(&flags)
            )
        }
    })
}

/// The flags, if there are only such as it has.
fn read(arguments: &[String]) -> Option<Vec<Flag<'_>>> {
    let mut flags = Vec::new();
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (argument, None),
        };
        let value = if WITHOUT_VALUE.contains(&name) {
            value
        } else if WITH_VALUE.contains(&name) {
            Some(value.or_else(|| rest.next())?)
        } else {
            return None;
        };
        flags.push(Flag { name, value });
    }
    Some(flags)
}

/// The same in stdio mode.
fn stdio(flags: &[Flag<'_>]) -> String {
    let mut command = "obolus-mcp stdio".to_owned();
    for Flag { name, value } in flags.iter().filter(|flag| OF_STDIO.contains(&flag.name)) {
        match value {
            Some("true") | None => command.push_str(&format!(" {name}")),
            Some("false") if WITHOUT_VALUE.contains(name) => {}
            Some(value) => command.push_str(&format!(" {name} {}", quoted(value))),
        }
    }
    command
}

/// The same in HTTP mode, whose settings stand in a file.
fn http(flags: &[Flag<'_>]) -> String {
    let mut lines = Vec::new();
    let mut file = "FILE";
    let mut notes = Vec::new();
    for Flag { name, value } in flags {
        let text = value.unwrap_or_default();
        match *name {
            "--config" => file = text,
            "--port" | "--http-port" | "--sse-port" => {
                lines.push(format!("port = {}", string(text)));
            }
            "--cluster-provider" => {
                lines.push(format!("cluster_provider_strategy = {}", string(text)));
            }
            "--disable-multi-cluster" => {
                lines.push("cluster_provider_strategy = \"disabled\"".to_owned());
            }
            "--toolsets" => {
                let names: Vec<_> = text.split(',').map(|name| string(name.trim())).collect();
                lines.push(format!("toolsets = [{}]", names.join(", ")));
            }
            "--log-level" => lines.push(format!("log_level = {text}")),
            "--kubeconfig" => notes.push(
                "no kubeconfig is read in this mode, as its credentials would be everybody's: [cluster] has URL and CA instead",
            ),
            "--config-dir" => {
                notes.push("drop-ins are read from conf.d beside the file");
            }
            "--sse-base-url" | "--stateless" | "--authorization-url" | "--oauth-audience"
            | "--certificate-authority" | "--require-oauth" => notes.push(
                "who may come in is the gateway's business, and there are no sessions to be without",
            ),
            name => {
                let key = name.trim_start_matches('-').replace('-', "_");
                let value = match value {
                    Some(value @ ("true" | "false")) => (*value).to_owned(),
                    Some(value) => string(value),
                    None => "true".to_owned(),
                };
                lines.push(format!("{key} = {value}"));
            }
        }
    }
    notes.dedup();
    let notes: String = notes.iter().map(|note| format!("\n({note})")).collect();
    format!(
        "over HTTP the settings stand in a file, {file}:\n  {}\n  [cluster]\n  server = \"https://…\"\nand it is started with\n  obolus-mcp --config {}{notes}",
        lines.join("\n  "),
        quoted(file)
    )
}

fn string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=@%+~".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(arguments: &str) -> Option<String> {
        let arguments: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
        instead_of(&arguments)
    }

    #[test]
    fn what_serves_one_person_there_is_stdio_mode_here() {
        for (there, here) in [
            ("", "\n  obolus-mcp stdio\n"),
            ("--read-only", "\n  obolus-mcp stdio --read-only\n"),
            (
                "--kubeconfig=/home/ann/.kube/lab --toolsets core,config --list-output yaml",
                "\n  obolus-mcp stdio --kubeconfig /home/ann/.kube/lab --toolsets core,config --list-output yaml\n",
            ),
            ("--config f --read-only=false", "\n  obolus-mcp stdio --config f\n"),
            (
                "--stateless --disable-multi-cluster",
                "\n  obolus-mcp stdio --disable-multi-cluster\n",
            ),
            ("stdio --require-tls --read-only", "\n  obolus-mcp stdio --read-only\n"),
        ] {
            let told = told(there).unwrap();
            assert!(told.contains(here), "{there}: {told}");
            assert_eq!(
                told.contains("is without --"),
                there.contains("less") || there.contains("tls"),
                "{told}"
            );
        }
    }

    #[test]
    fn what_serves_over_http_there_is_a_file_here() {
        let told =
            told("--port 8080 --read-only --toolsets core,helm --kubeconfig k --log-level 2")
                .unwrap();
        for line in [
            "port = \"8080\"",
            "read_only = true",
            "toolsets = [\"core\", \"helm\"]",
            "log_level = 2",
            "obolus-mcp --config FILE",
            "no kubeconfig is read",
        ] {
            assert!(told.contains(line), "{line}: {told}");
        }
        let both = super::tests::told("stdio --port 8080").unwrap();
        assert!(both.contains("obolus-mcp stdio\n") && both.contains("port = \"8080\""), "{both}");
    }

    #[test]
    fn what_is_ours_or_nobodys_is_not_talked_about() {
        for ours in [
            "stdio --read-only",
            "stdio --kubeconfig",
            "--nonsense",
            "--port",
            "stdio --nonsense --port 1",
            "serve",
        ] {
            assert_eq!(told(ours), None, "{ours}");
        }
        assert_eq!(quoted("a b'c"), r"'a b'\''c'");
        assert_eq!(quoted("~/.kube/config"), "~/.kube/config");
    }
}
