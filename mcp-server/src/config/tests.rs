use super::*;

const MINIMAL: &str = "[cluster]\nserver = \"https://k8s:6443\"\n";

fn parse(text: &str) -> Result<Config, Problems> {
    Config::parse(text, Path::new("/etc/obolus"))
}

fn paths(problems: &Problems) -> Vec<&str> {
    problems.list().iter().map(|problem| problem.path.as_str()).collect()
}

#[test]
fn the_api_server_alone_is_enough_and_the_rest_has_defaults() {
    let config = parse(MINIMAL).unwrap();
    assert_eq!(config.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(config.operations, "127.0.0.1:8081".parse().unwrap());
    assert_eq!(config.allowed_hosts, ["localhost", "127.0.0.1", "::1"]);
    assert!(config.allowed_origins.is_empty() && config.tls.is_none());
    assert_eq!(config.max_body_bytes, 1024 * 1024);
    assert_eq!(config.clusters.default_cluster().request_timeout, Duration::from_secs(30));
}

#[test]
fn everything_can_be_set_and_paths_start_at_the_files_own_folder() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap();
    for (name, text) in [
        ("tls.crt", certificate.pem()),
        ("ca.crt", certificate.pem()),
        ("tls.key", key.serialize_pem()),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().join("mcp.toml");
    let text = r#"
        listen = "0.0.0.0:9000"
        operations = "0.0.0.0:9001"
        tls_cert = "tls.crt"
        tls_key = "tls.key"
        allowed_hosts = ["mcp.example.com", "[::1]:9000"]
        allowed_origins = ["https://app.example.com", "http://localhost:*"]
        max_body_bytes = 4096
        log_level = "debug"
        [cluster]
        server = "https://rancher.example.com/k8s/clusters/c-1"
        certificate_authority = "ca.crt"
        request_timeout_seconds = 5
    "#;
    std::fs::write(&path, text).unwrap();
    let config = Config::load(&path).unwrap();
    assert_eq!(config.tls.unwrap().key, folder.path().join("tls.key"));
    assert_eq!(config.allowed_origins, ["https://app.example.com:443", "http://localhost:*"]);
    assert_eq!(config.log_level, LogLevel::Debug);
    assert_eq!(
        config.clusters.default_cluster().certificate_authority.clone().unwrap(),
        folder.path().join("ca.crt")
    );
}

#[test]
fn every_problem_is_told_at_once_with_the_path_of_its_key() {
    let problems = parse(
        r#"
        listen = "localhost"
        operations = 8081
        tls_cert = "tls.crt"
        allowed_hosts = ["ok.example.com", "https://x", "*"]
        allowed_origins = ["*", "null", "https://a@b", "ftp://x"]
        max_body_bytes = 1
        log_level = "trace"
        kubeconfig = "~/.kube/config"
        [cluster]
        server = "http://k8s"
        token = "eyJhbGciOi"
        request_timeout_seconds = 0
        [clusterz.other]
        server = "x"
        "#,
    )
    .unwrap_err();
    let mut keys = paths(&problems);
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "allowed_hosts[1]",
            "allowed_hosts[2]",
            "allowed_origins[0]",
            "allowed_origins[1]",
            "allowed_origins[2]",
            "allowed_origins[3]",
            "cluster.request_timeout_seconds",
            "cluster.server",
            "cluster.token",
            "clusterz",
            "kubeconfig",
            "listen",
            "log_level",
            "max_body_bytes",
            "operations",
            "tls_key",
        ]
    );
    let text = problems.to_string();
    assert!(!text.contains("eyJhbGciOi"), "values are not repeated: {text}");
    assert!(text.contains("cluster.token: is not a setting here; the settings are:"), "{text}");
}

#[test]
fn single_mistakes_are_found_where_they_are() {
    for (text, key) in [
        ("", "cluster"),
        ("cluster = 1", "cluster"),
        ("[cluster]", "cluster.server"),
        (
            "listen = \"127.0.0.1:1\"\noperations = \"127.0.0.1:1\"\n[cluster]\nserver=\"https://k\"",
            "operations",
        ),
        ("allowed_hosts = []\n[cluster]\nserver=\"https://k\"", "allowed_hosts"),
        ("tls_key = \"k\"\n[cluster]\nserver=\"https://k\"", "tls_cert"),
        ("[cluster]\nserver=\"https://user:pw@k\"", "cluster.server"),
        ("[cluster]\nserver=\"https://k?x=1\"", "cluster.server"),
        ("[cluster]\nserver=\"https://k#x\"", "cluster.server"),
        ("[cluster]\nserver=\"https://k/../x\"", "cluster.server"),
        ("[cluster]\nserver=\"https://k/%2e%2e\"", "cluster.server"),
        ("[cluster]\nserver=\"https://k\"\nx = [", "line 3"),
    ] {
        let problems = parse(text).unwrap_err();
        assert!(paths(&problems).contains(&key), "{text}: {problems}");
    }
}

#[test]
fn files_are_looked_at_together_with_the_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mcp.toml");
    std::fs::write(folder.path().join("empty.pem"), "").unwrap();
    let text = "surprise = 1\ntls_cert = \"none.crt\"\ntls_key = \"none.key\"\n\
                [cluster]\nserver = \"https://k\"\ncertificate_authority = \"empty.pem\"\n";
    std::fs::write(&path, text).unwrap();
    let problems = Config::load(&path).unwrap_err();
    assert_eq!(
        paths(&problems),
        ["tls_cert", "cluster.certificate_authority", "surprise"],
        "{problems}"
    );
    assert!(Config::load(&folder.path().join("absent.toml")).is_err());
}
