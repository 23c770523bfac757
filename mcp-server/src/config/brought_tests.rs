//! The table of brought keys, read by this part: each honoured, refused with what to write, or noticed.

use super::*;

const CLUSTER: &str = "[cluster]\nserver = \"https://k8s:6443\"\n";

fn parse(text: &str) -> Result<Config, Problems> {
    Config::parse(&format!("{text}\n{CLUSTER}"), Path::new("/etc/obolus"))
}

#[test]
fn a_file_of_kubernetes_mcp_server_is_read_as_it_is() {
    let config = parse(
        r#"
        log_level = 4
        port = "8080"
        bind_address = "0.0.0.0"
        metrics_port = "9090"
        require_oauth = true
        authorization_url = "https://idp.example.com/realms/r"
        oauth_audience = "mcp-server"
        cluster_auth_mode = "passthrough"
        cluster_provider_strategy = "disabled"
        token_exchange_strategy = "rfc8693"
        sts_client_id = "x"
        list_output = "yaml"
        stateless = false
        read_only = true
        server_instructions = "Ask <somebody> first."
        toolsets = ["core", "config", "helm"]
        disabled_tools = ["pods_log"]
        [token_exchange]
        audience = "k"
        [http]
        max_body_bytes = 2048
        read_header_timeout = "10s"
        [telemetry]
        enabled = true
        endpoint = "http://localhost:4318"
        [tool_overrides.pods_list]
        description = "Pods."
        [[denied_resources]]
        group = ""
        version = "v1"
        kind = "Secret"
        [server]
        listen = "this is the STS's"
        [[callers]]
        id = "and this"
        "#,
    )
    .unwrap();
    assert_eq!(config.listen, "0.0.0.0:8080".parse().unwrap());
    assert_eq!(config.operations, "0.0.0.0:9090".parse().unwrap());
    assert_eq!(config.log_level, LogLevel::Debug);
    assert_eq!(config.max_body_bytes, 2048);
    assert_eq!(config.header_timeout, Duration::from_secs(10));
    assert_eq!(config.instructions.as_deref(), Some("Ask <somebody> first."));
    assert!(config.tools.serves("pods_list") && !config.tools.serves("pods_delete"));
    assert!(!config.tools.serves("pods_log"));
    assert_eq!(config.tools.description("pods_list"), Some("Pods."));
    assert!(config.clusters.default_cluster().denied.covers("", "Secret", "secrets"));
    let noticed: Vec<_> = config.notices.iter().map(|notice| notice.path.as_str()).collect();
    for key in ["require_oauth", "cluster_auth_mode", "stateless", "http.read_header_timeout"] {
        assert!(noticed.contains(&key), "{key} is not in {noticed:?}");
    }
    assert_eq!(config.telemetry.unwrap().url, "http://localhost:4318/v1/traces");
    for key in ["sts_client_id", "server", "callers", "oauth_audience"] {
        assert!(!noticed.contains(&key), "{key} is the STS's");
    }
}

#[test]
fn what_is_unsafe_or_not_here_is_refused_with_what_to_write() {
    for (text, path, word) in [
        ("kubeconfig = \"/etc/kubernetes/admin.conf\"", "kubeconfig", "write [cluster]"),
        ("cluster_auth_mode = \"kubeconfig\"", "cluster_auth_mode", "write passthrough"),
        ("require_oauth = false", "require_oauth", "write true"),
        ("skip_jwt_verification = true", "skip_jwt_verification", "leave it out"),
        ("validate_token = false", "validate_token", "leave it out"),
        ("trust_proxy_headers = true", "trust_proxy_headers", "leave it out"),
        ("oauth_audience = \"account\"", "oauth_audience", "own audience"),
        ("cluster_provider_strategy = \"kubeconfig\"", "cluster_provider_strategy", "[cluster]"),
        ("cluster_provider_strategy = \"kcp\"", "cluster_provider_strategy", "not here yet"),
        (
            "cluster_provider_strategy = \"in-cluster\"",
            "cluster_provider_strategy",
            "one of the two",
        ),
        ("cluster_provider_strategy = \"other\"", "cluster_provider_strategy", "must be one of"),
        (
            "[cluster_provider_configs.kubeconfig]\nx = 1",
            "cluster_provider_configs",
            "write [clusters.NAME]",
        ),
        ("[[confirmation_rules]]\ntool = \"x\"", "confirmation_rules[0].tool", "is no tool"),
        ("confirmation_fallback = \"block\"", "confirmation_fallback", "must be one of"),
        ("[http]\nrate_limit_rps = -1", "http.rate_limit_rps", "from 0"),
        ("[http]\nrate_limit_burst = \"x\"", "http.rate_limit_burst", "must be"),
        ("[http]\nmax_body = 1", "http.max_body", "is not a setting"),
        ("[http]\nread_header_timeout = \"10\"", "http.read_header_timeout", "such as \"10s\""),
        (
            "max_body_bytes = 2048\n[http]\nmax_body_bytes = 2048",
            "http.max_body_bytes",
            "one of the two",
        ),
        ("listen = \"127.0.0.1:1\"\nport = \"8080\"", "port", "one of the two"),
        ("operations = \"127.0.0.1:1\"\nmetrics_port = \"2\"", "metrics_port", "one of the two"),
        ("port = \"http\"", "port", "must be a port"),
        ("port = 70000", "port", "a port"),
        ("port = \"1\"\nmetrics_port = \"1\"", "metrics_port", "another port"),
        ("bind_address = \"localhost\"", "bind_address", "IP address"),
        ("require_tls = true", "require_tls", "tls_cert and tls_key"),
        ("tls_min_version = \"1.1\"", "tls_min_version", "\"1.2\", \"1.3\""),
        ("toolsets = [\"cor\"]", "toolsets", "no toolset"),
        ("toolsets = [\"kiali\"]", "toolsets", "no tool at all"),
        ("enabled_tools = [\"pods_lists\"]", "enabled_tools[0]", "write pods_list"),
        ("disabled_tools = [\"x\", \"all\"]", "disabled_tools[1]", "is no tool"),
        (
            "[tool_overrides.pods_lst]\ndescription = \"x\"",
            "tool_overrides.pods_lst",
            "write pods_list",
        ),
        (
            "[tool_overrides.pods_list]\ndescribe = \"x\"",
            "tool_overrides.pods_list.describe",
            "not a setting",
        ),
        ("[[denied_resources]]\ngroup = \"\"", "denied_resources[0].kind", "such as Secret"),
        (
            "[[denied_resources]]\ngroup = \"apps/v1\"",
            "denied_resources[0].group",
            "without a version",
        ),
        (
            "[[denied_resources]]\nresource = \"secrets\"\nkind = \"x\"",
            "denied_resources[0].resource",
            "not a setting",
        ),
        ("readonly = true", "readonly", "write read_only"),
        ("disable_destructve = true", "disable_destructve", "write disable_destructive"),
        ("log_level = 10", "log_level", "0 to 9"),
    ] {
        let problems = parse(text).unwrap_err();
        assert!(
            problems.list().iter().any(|p| p.path == path && p.message.contains(word)),
            "{text}: {path} {word} is not in {problems}"
        );
    }
}

#[test]
fn a_port_alone_is_opened_for_this_machine_and_says_so() {
    for text in ["port = \"9000\"", "port = 9000", "port = \":9000\""] {
        let config = parse(text).unwrap();
        assert_eq!(config.listen, "127.0.0.1:9000".parse().unwrap(), "{text}");
        assert!(config.notices.iter().any(|notice| notice.text.contains("bind_address")));
    }
    assert_eq!(parse("port = \"\"").unwrap().listen, "127.0.0.1:8080".parse().unwrap());
}

#[test]
fn in_a_cluster_the_url_and_the_authority_are_known_and_nothing_else() {
    let text = "cluster_provider_strategy = \"in-cluster\"";
    let problems = Config::parse(text, Path::new("/etc/obolus")).unwrap_err();
    // Outside of one there is no such file, which is the only thing that is wrong.
    let paths: Vec<_> = problems.list().iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["cluster_provider_strategy"]);
    assert!(problems.to_string().contains("/serviceaccount/ca.crt"), "{problems}");
    assert!(!problems.to_string().contains("/token"));
}
