//! Bodies that one reader takes for a call of one tool, and another for a call of another.

use obolus_core::Reason::{self, JsonDuplicateKey, JsonMalformed, NotARequest, ParamsMalformed};

use crate::case::{Case, Refused};
use crate::client::{Client, Way};

#[tokio::test]
async fn a_body_has_one_reading() {
    crate::world::turn().await.tries(all).await;
}

/// In place of one text of a call's, another.
type Said = (&'static str, &'static str, String);

pub(crate) fn all(client: &Client) -> Vec<Case> {
    let families: [(Reason, Vec<Said>); 5] = [
        (JsonDuplicateKey, duplicates()),
        (NotARequest, lookalikes_of_members()),
        (ParamsMalformed, lookalikes_of_params()),
        (ParamsMalformed, other_types()),
        (JsonMalformed, values()),
    ];
    let mut cases = Vec::new();
    let all = families.into_iter().flat_map(|(reason, said)| {
        said.into_iter().map(move |(name, instead, said)| (name, instead, said, reason))
    });
    for (at, (name, instead, said, reason)) in all.enumerate() {
        for way in Way::four(at) {
            let twin = client.call(way);
            let attack = twin.clone().saying(instead, &said);
            let name = format!("{name} ({})", way.name());
            cases.push(Case::new(name, attack, Refused::Ours(reason), twin));
        }
    }
    cases
}

const METHOD: &str = r#""method":"tools/call""#;
const NAME: &str = r#""name":"pods_list""#;
const ARGUMENTS: &str = r#""arguments":{"namespace":"shop"}"#;
const NAMESPACE: &str = r#""namespace":"shop""#;

fn before(instead: &str, said: &str) -> String {
    format!("{said},{instead}")
}

fn behind(instead: &str, said: &str) -> String {
    format!("{instead},{said}")
}

/// One member twice, as it is written or as it is meant.
fn duplicates() -> Vec<Said> {
    let delete = r#""name":"pods_delete""#;
    let other = r#""arguments":{"namespace":"kube-system"}"#;
    let system = r#""namespace":"kube-system""#;
    let params = r#""params":{"name":"pods_delete"}"#;
    vec![
        ("method twice", METHOD, before(METHOD, r#""method":"ping""#)),
        ("method twice, the other way", METHOD, behind(METHOD, r#""method":"ping""#)),
        ("method twice, escaped", METHOD, behind(METHOD, r#""\u006dethod":"ping""#)),
        ("method twice, the same", METHOD, behind(METHOD, METHOD)),
        ("params twice", METHOD, behind(METHOD, params)),
        (
            "params twice, escaped",
            METHOD,
            behind(METHOD, &params.replace("params", r"\u0070arams")),
        ),
        ("jsonrpc twice", METHOD, behind(METHOD, r#""jsonrpc":"1.0""#)),
        ("id twice", METHOD, behind(METHOD, r#""id":8"#)),
        ("id twice, escaped", METHOD, behind(METHOD, r#""\u0069d":8"#)),
        ("name twice", NAME, before(NAME, delete)),
        ("name twice, the other way", NAME, behind(NAME, delete)),
        ("name twice, escaped", NAME, behind(NAME, r#""n\u0061me":"pods_delete""#)),
        (
            "name twice, escaped in capitals",
            NAME,
            behind(NAME, r#""\u006E\u0061\u006D\u0065":"pods_delete""#),
        ),
        ("name twice, both escaped", NAME, format!(r#""nam\u0065":"pods_list",{delete}"#)),
        ("name twice, the same", NAME, behind(NAME, NAME)),
        ("name three times", NAME, behind(&before(NAME, delete), delete)),
        ("name behind the arguments as well", ARGUMENTS, behind(ARGUMENTS, delete)),
        ("arguments twice", ARGUMENTS, behind(ARGUMENTS, other)),
        ("arguments twice, the other way", ARGUMENTS, before(ARGUMENTS, other)),
        (
            "arguments twice, escaped",
            ARGUMENTS,
            behind(ARGUMENTS, &other.replacen("arg", r"\u0061rg", 1)),
        ),
        ("an argument twice", NAMESPACE, behind(NAMESPACE, system)),
        ("an argument twice, the other way", NAMESPACE, before(NAMESPACE, system)),
        (
            "an argument twice, escaped",
            NAMESPACE,
            behind(NAMESPACE, &system.replacen("name", r"n\u0061me", 1)),
        ),
        (
            "an argument twice, deep down",
            NAMESPACE,
            behind(NAMESPACE, r#""x":{"y":[{"z":1,"z":2}]}"#),
        ),
        ("a member of _meta twice", NAME, behind(NAME, r#""x":{"_meta":{"a":1,"a":2}}"#)),
        ("an empty key twice", NAMESPACE, behind(NAMESPACE, r#""":1,"":2"#)),
        (
            "a key with a surrogate pair twice",
            NAMESPACE,
            behind(NAMESPACE, r#""\ud83d\ude00":1,"😀":2"#),
        ),
        ("a key with a slash twice", NAMESPACE, behind(NAMESPACE, r#""a/b":1,"a\/b":2"#)),
    ]
}

/// Readers that fold case, by Unicode or not, take these for what they are not.
fn lookalikes_of_members() -> Vec<Said> {
    let keys = [
        ("Method beside it", r#""Method":"ping""#),
        ("METHOD beside it", r#""METHOD":"ping""#),
        ("Params beside it", r#""Params":{"name":"pods_delete"}"#),
        ("PARAMS beside it", r#""PARAMS":{"name":"pods_delete"}"#),
        ("params with a long s beside it", r#""param\u017f":{"name":"pods_delete"}"#),
        ("Id beside it", r#""Id":8"#),
        ("ID beside it", r#""ID":8"#),
        ("Jsonrpc beside it", r#""Jsonrpc":"1.0""#),
        ("Result beside it", r#""Result":{}"#),
        ("Error beside it", r#""Error":{}"#),
    ];
    keys.into_iter().map(|(name, member)| (name, METHOD, behind(METHOD, member))).collect()
}

fn lookalikes_of_params() -> Vec<Said> {
    let keys = [
        ("Name beside it", r#""Name":"pods_delete""#),
        ("NAME beside it", r#""NAME":"pods_delete""#),
        ("name, escaped, in capitals", r#""\u004eame":"pods_delete""#),
        ("Arguments beside it", r#""Arguments":{"namespace":"kube-system"}"#),
        ("arguments with a long s beside it", r#""argument\u017f":{"namespace":"kube-system"}"#),
        ("arguments with a long s as it is", "\"argument\u{17f}\":{\"namespace\":\"kube-system\"}"),
        ("Uri beside it", r#""Uri":"k8s://secret""#),
        ("taskid with a Kelvin sign", "\"tas\u{212a}Id\":\"t\""),
        ("_Meta beside it", r#""_Meta":{"io.modelcontextprotocol/protocolVersion":"2025-06-18"}"#),
        ("Ref beside it", r#""Ref":{}"#),
    ];
    keys.into_iter().map(|(name, member)| (name, NAME, behind(NAME, member))).collect()
}

fn other_types() -> Vec<Said> {
    let name = |value: &str| format!(r#""name":{value}"#);
    let arguments = |value: &str| format!(r#""arguments":{value}"#);
    vec![
        ("names in a list", NAME, name(r#"["pods_list","pods_delete"]"#)),
        ("a name in an object", NAME, name(r#"{"name":"pods_list"}"#)),
        ("a name that is null", NAME, name("null")),
        ("a name that is true", NAME, name("true")),
        ("a name that is a number", NAME, name("1")),
        ("no name", NAME, r#""tool":"pods_list""#.to_owned()),
        ("a name in capitals alone", NAME, r#""Name":"pods_list""#.to_owned()),
        ("arguments in a list", ARGUMENTS, arguments(r#"[{"namespace":"shop"}]"#)),
        ("arguments in a text", ARGUMENTS, arguments(r#""{\"namespace\":\"shop\"}""#)),
        ("arguments that are null", ARGUMENTS, arguments("null")),
        ("arguments that are a number", ARGUMENTS, arguments("0")),
    ]
}

/// Values of which readers make different ones, or that end one of them.
fn values() -> Vec<Said> {
    let name = |value: &str| format!(r#""name":"{value}""#);
    let argument = |value: &str| format!(r#""namespace":{value}"#);
    let nested = |depth: usize, [open, close]: [&str; 2]| {
        argument(&format!("{}0{}", open.repeat(depth), close.repeat(depth)))
    };
    vec![
        ("a NUL behind the name", NAME, name(r"pods_list\u0000")),
        ("a NUL and more behind the name", NAME, name(r"pods_list\u0000_all")),
        ("a NUL in an argument", NAMESPACE, argument(r#""shop\u0000""#)),
        ("a NUL in a key", NAMESPACE, r#""namespace\u0000x":"shop""#.to_owned()),
        ("a NUL behind name, as a key", NAME, behind(NAME, r#""name\u0000":"pods_delete""#)),
        ("a NUL as it is", NAME, name("pods_list\0")),
        ("half a surrogate pair", NAME, name(r"pods_list\ud800")),
        ("the other half", NAME, name(r"pods_list\udc00")),
        ("a pair the wrong way round", NAME, name(r"pods_list\udc00\ud800")),
        ("half a pair in a key", NAMESPACE, r#""\ud800":1"#.to_owned()),
        ("half an escape", NAME, name(r"pods_list\u00")),
        ("an escape that is none", NAME, name(r"pods\x5flist")),
        ("a line break in a text", NAME, name("pods\nlist")),
        ("a tab in a text", NAME, name("pods\tlist")),
        ("65 bits", NAMESPACE, argument("18446744073709551616")),
        ("65 bits below zero", NAMESPACE, argument("-9223372036854775809")),
        ("a thousand digits", NAMESPACE, argument(&"9".repeat(1000))),
        ("beyond all floats", NAMESPACE, argument("1e400")),
        ("below all floats", NAMESPACE, argument("-1e400")),
        ("no number", NAMESPACE, argument("NaN")),
        ("endless", NAMESPACE, argument("Infinity")),
        ("a plus sign", NAMESPACE, argument("+1")),
        ("a zero in front", NAMESPACE, argument("01")),
        ("no digit before the point", NAMESPACE, argument(".5")),
        ("no digit behind the point", NAMESPACE, argument("5.")),
        ("hexadecimal", NAMESPACE, argument("0x10")),
        ("lists in lists", NAMESPACE, nested(5_000, ["[", "]"])),
        ("objects in objects", NAMESPACE, nested(2_000, ["{\"a\":", "}"])),
        ("lists that do not end", NAMESPACE, argument(&"[".repeat(5_000))),
        ("a comma too many", NAMESPACE, behind(NAMESPACE, "")),
        ("two commas", NAMESPACE, behind(NAMESPACE, ",\"x\":1")),
        ("a comment", NAME, format!("/* */{NAME}")),
        ("a comment to the end", NAME, format!("//\n{NAME}")),
        ("a hash", NAME, format!("#\n{NAME}")),
        ("single quotes", NAME, "'name':'pods_list'".to_owned()),
        ("no quotes", NAME, "name:\"pods_list\"".to_owned()),
        ("no colon", NAME, "\"name\" \"pods_list\"".to_owned()),
        ("an equals sign", NAME, "\"name\"=\"pods_list\"".to_owned()),
        ("a word for true", NAMESPACE, argument("True")),
        ("undefined", NAMESPACE, argument("undefined")),
        ("a space of no break", NAME, format!("\u{a0}{NAME}")),
        ("a mark in the middle", NAME, format!("\u{feff}{NAME}")),
    ]
}
