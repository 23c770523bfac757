//! What a decision costs, on this machine: `cargo run --release -p obolus-policy --example timing`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use obolus_core::policy::cedar::{Program, Request, Told, User};
use obolus_core::token::Memberships;
use serde_json::json;

const TOOLS: usize = 50;

fn main() {
    let tools: Vec<_> = (0..TOOLS)
        .map(|number| {
            json!({"name": format!("tool_{number}"), "annotations": {"readOnlyHint": number % 2 == 0}, "tags": ["view"],
                "inputSchema": {"type": "object", "properties": {
                    "namespace": {"type": "string"}, "kind": {"type": "string"}, "replicas": {"type": "integer"}}}})
        })
        .collect();
    let tools = json!({ "tools": tools }).to_string();
    let tools = obolus_policy::read_tools(Some("kubernetes"), "tools.json", &tools).ok();
    let policies = include_str!("timing.cedar").to_owned();
    let compiled = obolus_policy::compile(
        &[("timing.cedar".to_owned(), policies)],
        &tools.unwrap_or_default(),
    );
    let compiled = match compiled {
        Ok(compiled) => compiled,
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("{problem}"));
            std::process::exit(1);
        }
    };
    println!("compiled: {} bytes", compiled.to_string().len());
    let Ok(program) = Program::from_json(&compiled) else { return };
    let name = |number: usize| format!("group-{number}");
    let told = Told {
        id: "keycloak/alice".to_owned(),
        subject: "alice".to_owned(),
        issuer: "keycloak".to_owned(),
        tenant: None,
        client: Some("agent-1".to_owned()),
        scopes: Memberships::Present((0..10).map(|number| format!("mcp:{number}")).collect()),
        roles: Memberships::Present(["Viewer".to_owned()].into()),
        groups: Memberships::Present((0..20).map(name).collect()),
        auth_contexts: Memberships::Absent,
        auth_methods: Memberships::Absent,
        is_app_only: false,
    };
    let user = User::new(&told);
    let objects: Vec<_> = (0..TOOLS)
        .filter_map(|number| program.tool("kubernetes", &format!("tool_{number}")))
        .collect();
    let arguments = json!({"namespace": "team-a-1", "replicas": 3});
    let request = |object| Request {
        user: &user,
        object,
        arguments: arguments.as_object(),
        target: "prod",
        revision: "2026-07-28",
    };
    time("load the program", 200, || drop(black_box(Program::from_json(&compiled))));
    time("prepare a user (20 groups, 10 scopes)", 2_000, || drop(black_box(User::new(&told))));
    if let Some(object) = objects.first() {
        println!("{:?}", program.decide(&request(object)));
        time("one decision, 20 policies", 20_000, || {
            black_box(program.decide(&request(object)));
        });
        time("scopes that would help", 2_000, || {
            black_box(program.scopes_to_permit(&request(object)));
        });
    }
    let shown = || {
        let listing = program.listing(&user, "prod", "2026-07-28");
        objects.iter().filter(|object| listing.shows(object)).count()
    };
    println!("{} of {TOOLS} tools are listed", shown());
    time("tools/list of 50 tools", 1_000, || {
        black_box(shown());
    });
}

/// The median of five rounds.
fn time(what: &str, times: u32, run: impl Fn()) {
    let mut rounds: Vec<Duration> = (0..5)
        .map(|_| {
            let start = Instant::now();
            (0..times).for_each(|_| run());
            start.elapsed() / times
        })
        .collect();
    rounds.sort();
    println!("{what}: {:?}", rounds.get(2).copied().unwrap_or_default());
}
