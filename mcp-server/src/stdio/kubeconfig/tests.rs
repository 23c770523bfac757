use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use super::{ExecVersion, Kubeconfig, Pem, Places, Proof};

struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn read(&self, named: Option<&Path>, environment: Option<&str>) -> Result<Kubeconfig, String> {
        let home = Some(self.0.path().to_owned());
        let places = Places::new(named, environment.map(Into::into), home);
        Kubeconfig::read(&places).map_err(|error| error.to_string())
    }
}

const CLUSTER: &str = "clusters: [{name: c, cluster: {server: 'https://k8s:6443'}}]\n\
                       contexts: [{name: x, context: {cluster: c, user: u, namespace: shop}}]\n\
                       current-context: x\n";

/// A kubeconfig with one user.
fn with_user(user: &str) -> Result<super::Context, String> {
    let home = Home::new();
    let path =
        home.write("folder/config", &format!("{CLUSTER}users: [{{name: u, user: {user}}}]\n"));
    home.read(Some(&path), None)?.context("x").map_err(|error| error.to_string())
}

/// A kubeconfig with one cluster.
fn with_cluster(cluster: &str) -> Result<super::Context, String> {
    let home = Home::new();
    let text = format!(
        "clusters: [{{name: c, cluster: {cluster}}}]\n\
         contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n\
         users: [{{name: u, user: {{token: t}}}}]\n"
    );
    let path = home.write("config", &text);
    home.read(Some(&path), None)?.context("x").map_err(|error| error.to_string())
}

#[test]
fn a_kubeconfig_is_looked_for_where_kubectl_looks() {
    let home = Home::new();
    let told = home.read(None, None).unwrap_err();
    assert!(told.contains(".kube/config") && told.contains("--kubeconfig"), "{told}");
    home.write(".kube/config", "contexts: [{name: at-home, context: {}}]");
    let one = home.write("one", "contexts: [{name: one, context: {}}]");
    let names = |read: Result<Kubeconfig, String>| read.unwrap().names();
    assert_eq!(names(home.read(None, None)), ["at-home"]);
    assert_eq!(names(home.read(None, Some(""))), ["at-home"]);
    let environment = format!(":{}:/not/there:{}", one.display(), one.display());
    assert_eq!(names(home.read(None, Some(&environment))), ["one"]);
    // What is named has to be there; what the environment lists may be missing.
    assert_eq!(names(home.read(Some(&one), Some("/not/there"))), ["one"]);
    let told = home.read(Some(Path::new("/not/there")), Some(&environment)).unwrap_err();
    assert!(told.contains("/not/there: cannot be read"), "{told}");
}

#[test]
fn of_several_files_the_first_to_name_something_counts_and_paths_start_at_its_own_folder() {
    let home = Home::new();
    let first = home.write(
        "a/config",
        "clusters: [{name: c, cluster: {server: 'https://first', certificate-authority: ca.crt}}]\n\
         contexts: [{name: x, context: {cluster: c, user: u}}]\n",
    );
    let second = home.write(
        "b/config",
        "clusters: [{name: c, cluster: {server: 'https://second', tls-server-name: other}}, \
                    {name: d, cluster: {server: 'https://d'}}]\n\
         contexts: [{name: x, context: {cluster: d}}, {name: y, context: {cluster: d, user: u}}]\n\
         users: [{name: u, user: {tokenFile: token, exec: null}}]\n\
         current-context: y\n",
    );
    let third = home.write("c/config", "current-context: x\nclusters: null\n");
    let paths = [first, second, third].map(|path| path.display().to_string());
    let merged = home.read(None, Some(&paths.join(":"))).unwrap();
    assert_eq!(merged.chosen(None).unwrap(), "y", "the first that says so");
    assert_eq!(merged.chosen(Some("x")).unwrap(), "x");
    let x = merged.context("x").unwrap();
    assert_eq!(x.endpoint.server, "https://first");
    assert!(x.endpoint.server_name.is_none(), "nothing of another entry of that name");
    let Some(Pem::File(file)) = &x.endpoint.authority else { panic!("no file") };
    assert_eq!(*file, home.0.path().join("a/ca.crt"));
    let Proof::TokenFile { file, .. } = &x.user.proof else { panic!("no token file") };
    assert_eq!(*file, home.0.path().join("b/token"));
}

#[test]
fn a_context_is_chosen_by_name_or_is_the_current_or_the_only_one() {
    let home = Home::new();
    let two = "contexts: [{name: a, context: {}}, {name: b, context: {}}]\n";
    let path = home.write("two", two);
    let told = home.read(Some(&path), None).unwrap().chosen(None).unwrap_err().to_string();
    assert!(told.contains("--context NAME") && told.contains("a, b"), "{told}");
    let path = home.write("gone", &format!("{two}current-context: c\n"));
    let gone = home.read(Some(&path), None).unwrap();
    let told = gone.chosen(None).unwrap_err().to_string();
    assert!(told.contains("no context `c`") && told.contains("a, b"), "{told}");
    assert_eq!(gone.chosen(Some("b")).unwrap(), "b");
    let path = home.write("one", "contexts: [{name: a, context: {}}]\n");
    assert_eq!(home.read(Some(&path), None).unwrap().chosen(None).unwrap(), "a");
}

#[test]
fn what_is_no_kubeconfig_is_refused_and_nothing_of_it_repeated() {
    let home = Home::new();
    for (text, said) in [
        ("users: [{name: u, user: {token: [canary]}}]", "line 1"),
        ("{canary", "not a kubeconfig"),
        ("kind: Secret\napiVersion: v1\ndata: {canary: x}", "kind: Config"),
        ("", "holds no context"),
        ("null", "holds no context"),
        ("users: [{name: u}, {name: u}]", "two users named `u`"),
    ] {
        let path = home.write("config", text);
        let told = home.read(Some(&path), None).unwrap_err();
        assert!(told.contains(said) && !told.contains("canary"), "{text}: {told}");
    }
}

#[test]
fn each_way_to_prove_who_one_is_is_understood() {
    let is = |user: &str| with_user(user).unwrap().user;
    let Proof::Token(token) = is("{token: t-1}").proof else { panic!("no token") };
    assert_eq!(token.expose_secret(), "t-1");
    let Proof::TokenFile { otherwise, .. } = is("{token: t-1, tokenFile: /t}").proof else {
        panic!("no file");
    };
    assert_eq!(otherwise.unwrap().expose_secret(), "t-1");
    let Proof::Password { username, .. } = is("{username: a, password: b}").proof else {
        panic!("no password");
    };
    assert_eq!(username, "a");
    let pair = is("{client-certificate-data: Qw==, client-certificate: /c, client-key: k.pem}");
    let pair = pair.certificate.unwrap();
    assert!(matches!(pair.chain, Pem::Data(_)), "data come before a file");
    assert!(matches!(&pair.key, Pem::File(path) if path.ends_with("folder/k.pem")));
    assert!(is("{}").is_nobody() && !is("{token: t}").is_nobody());

    let exec = "{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./bin/login, args: [a], \
                env: [{name: E, value: v}], provideClusterInfo: true}}";
    let Proof::Exec(plugin) = is(exec).proof else { panic!("no plugin") };
    assert!(plugin.command.ends_with("folder/./bin/login"), "{plugin:?}");
    assert_eq!(plugin.version, ExecVersion::V1Beta1);
    let info: serde_json::Value = serde_json::from_str(&plugin.info).unwrap();
    assert_eq!(info["spec"]["interactive"], false);
    assert_eq!(info["spec"]["cluster"]["server"], "https://k8s:6443");
    let exec = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, interactiveMode: IfAvailable}}";
    let Proof::Exec(plugin) = is(exec).proof else { panic!("no plugin") };
    assert_eq!(plugin.command, Path::new("aws"), "a name is looked up in PATH");
    assert!(!plugin.info.contains("cluster"), "{}", plugin.info);

    let user = is("{token: t, as: bob, as-groups: [g1, g2], as-user-extra: {Acme.com/p: [v]}}");
    let all = |name: &str| -> Vec<String> {
        let values = user.impersonation.get_all(name).iter();
        values.map(|value| value.to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(all("impersonate-user"), ["bob"]);
    assert_eq!(all("impersonate-group"), ["g1", "g2"]);
    assert_eq!(all("impersonate-extra-acme.com%2fp"), ["v"]);
    assert!(is("{token: t}").impersonation.is_empty());
}

#[test]
fn what_is_not_done_here_says_what_to_write() {
    for (user, said) in [
        ("{auth-provider: {name: gcp, config: {access-token: canary}}}", "gke-gcloud-auth-plugin"),
        ("{auth-provider: {name: azure}}", "kubelogin"),
        ("{username: a, token: canary}", "take one away"),
        ("{username: 'a:b', password: canary}", "colon"),
        ("{client-certificate-data: Qw==}", "no client-key"),
        ("{client-key-data: Qw==}", "no client-certificate"),
        (
            "{client-certificate: c, client-key-data: '%canary'}",
            "client-key-data that is not base64",
        ),
        ("{as-groups: [g], token: t}", "without as"),
        ("{exec: {command: x}}", "apiVersion"),
        ("{exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}}", "took away"),
        ("{exec: {apiVersion: client.authentication.k8s.io/v1, command: x}}", "interactiveMode"),
        (
            "{exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Always}}",
            "at a terminal",
        ),
        (
            "{exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never}}",
            "without a command",
        ),
    ] {
        let told = with_user(user).unwrap_err();
        assert!(told.contains("context `x`") && told.contains("user `u`"), "{told}");
        assert!(told.contains(said) && !told.contains("canary"), "{user}: {told}");
    }
    for (cluster, said) in [
        ("{server: 'https://k', insecure-skip-tls-verify: true}", "certificate-authority-data"),
        ("{server: 'http://k'}", "not an https URL"),
        ("{server: 'https://u:canary@k'}", "without user"),
        ("{}", "no server"),
        ("{server: 'https://k', certificate-authority-data: '%'}", "not base64"),
        ("{server: 'https://k', tls-server-name: 'a b'}", "tls-server-name"),
        ("{server: 'https://k', proxy-url: 'https://u:canary@p:1'}", "http:// or socks5://"),
        ("{server: 'https://k', proxy-url: 'ftp://p:1'}", "neither http://HOST:PORT nor"),
    ] {
        let told = with_cluster(cluster).unwrap_err();
        assert!(told.contains("cluster `c`") && told.contains(said), "{cluster}: {told}");
        assert!(!told.contains("canary"), "{told}");
    }
    // The controls: neither a good user nor a good cluster says anything.
    assert!(with_user("{token: t}").is_ok());
    for proxy in ["http://p:3128", "socks5://u:p@p:1080"] {
        let cluster =
            format!("{{server: 'https://k', tls-server-name: k8s, proxy-url: '{proxy}'}}");
        assert!(with_cluster(&cluster).unwrap().endpoint.proxy.is_some());
    }
}

#[test]
fn what_is_shown_of_a_kubeconfig_holds_no_credential_whichever_way_it_is_written() {
    let home = Home::new();
    let text = "clusters:\n\
        - {name: c, cluster: {server: 'https://u:canary@k8s', proxy-url: 'http://u:ca/canary@p:1', certificate-authority-data: canary}}\n\
        - {name: other, cluster: {server: 'https://other'}}\n\
        contexts:\n\
        - {name: x, context: {cluster: c, user: u, namespace: shop}}\n\
        - {name: y, context: {cluster: other, user: v}}\n\
        users:\n\
        - {name: u, user: {token: canary, password: canary, username: ann, client-key-data: canary, client-certificate-data: canary,\n\
             auth-provider: {name: oidc, config: {refresh-token: canary}}}}\n\
        - name: v\n\
        \x20 user:\n\
        \x20   exec:\n\
        \x20     apiVersion: client.authentication.k8s.io/v1\n\
        \x20     command: login\n\
        \x20     args: [get-token, --region, eu-1, --oidc-client-secret=canary, --password, canary, -p, canary, KEY=canary, aCanary1canary]\n\
        \x20     env: [{name: CLIENT_SECRET, value: canary}]\n";
    let path = home.write("config", text);
    let kubeconfig = home.read(Some(&path), None).unwrap();
    assert!(!format!("{kubeconfig:?}").contains("token: canary"));
    let whole = serde_yaml_ng::to_string(&kubeconfig.view("y", false).unwrap()).unwrap();
    assert!(!whole.contains("canary"), "{whole}");
    for shown in [
        "current-context: y",
        "server: https://REDACTED@k8s",
        "token: REDACTED",
        "client-key-data: REDACTED",
        "client-certificate-data: DATA+OMITTED",
        "namespace: shop",
        "- get-token",
        "- eu-1",
        "- --oidc-client-secret=REDACTED",
        "name: CLIENT_SECRET",
        "name: other",
    ] {
        assert!(whole.contains(shown), "{shown} is not in\n{whole}");
    }
    let minified = serde_yaml_ng::to_string(&kubeconfig.view("y", true).unwrap()).unwrap();
    assert!(minified.contains("name: other") && !minified.contains("name: c\n"), "{minified}");
    assert!(!minified.contains("token:") && minified.contains("command: login"), "{minified}");
    assert!(kubeconfig.view("z", true).is_err());
}
