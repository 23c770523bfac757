//! `[telemetry]`: to whom traces are told, and which. Nobody by default.
//!
//! OpenTelemetry's variables of the environment go before the file, as they do for `kubernetes-mcp-server`; with
//! `enabled = false` there is nothing, whatever they say. Sentences name keys and variables and repeat no value: headers are credentials.

use std::fmt;
use std::path::{Path, PathBuf};

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use obolus_core::config::Section;
use obolus_core::config::brought::Notice;
use obolus_telemetry::Sampler;

use super::values;
use crate::bounded_file;

const TABLE: &str = "telemetry";
/// Of spans, below a collector's base URL (OTLP §4.3).
const PATH: &str = "/v1/traces";
/// Where collectors take gRPC, which is not spoken here.
const GRPC_PORT: u16 = 4317;
const MAX_FILE_BYTES: u64 = 64 * 1024;
const BASE_URL: &str = "must be the collector's base URL, such as http://localhost:4318, without user information, query and fragment";

/// A collector of spans (OTLP over HTTP).
#[derive(Clone, PartialEq, Eq)]
pub struct TelemetryConfig {
    /// Where spans are posted.
    pub url: Uri,
    /// Whom we believe to be it, if it is at an https URL; the system's authorities without.
    pub certificate_authority: Option<PathBuf>,
    /// What it wants to see of us.
    pub headers: HeaderMap,
    /// Which traces are recorded.
    pub sampler: Sampler,
    /// What the service is called there, if not by the program's name.
    pub service: Option<String>,
    /// What an operator says of the service beside.
    pub attributes: Vec<(String, String)>,
}

/// Without the headers, and without what the operator says of the service.
impl fmt::Debug for TelemetryConfig {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, certificate_authority, sampler, service, .. } = self;
        out.debug_struct("TelemetryConfig")
            .field("url", url)
            .field("certificate_authority", certificate_authority)
            .field("sampler", sampler)
            .field("service", service)
            .finish_non_exhaustive()
    }
}

/// A setting of the file, or the variable that goes before it.
struct Said {
    /// Where it stands, for sentences.
    place: Place,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Key(&'static str),
    Variable(&'static str),
}

/// Where settings are looked for.
struct Sources<'a, 'b> {
    top: &'a Section<'b>,
    table: Option<Section<'b>>,
    environment: &'a dyn Fn(&str) -> Option<String>,
}

impl Sources<'_, '_> {
    /// The first of these variables that says something, or else the key.
    fn said(&self, variables: &[&'static str], key: Option<&'static str>) -> Option<Said> {
        let of_key = key.and_then(|key| {
            let text = values::text(self.table.as_ref()?, key)?;
            Some(Said { place: Place::Key(key), text })
        });
        let of_variable = variables.iter().find_map(|name| {
            Some(Said { place: Place::Variable(name), text: self.variable(name)? })
        });
        of_variable.or(of_key)
    }

    fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|text| !text.trim().is_empty())
    }

    fn problem(&self, place: Place, message: impl Into<String>) {
        match (place, &self.table) {
            (Place::Key(key), Some(table)) => table.problem(key, message),
            (Place::Key(key) | Place::Variable(key), _) => self.top.problem(key, message),
        }
    }

    fn path(place: Place) -> String {
        match place {
            Place::Key(key) => format!("{TABLE}.{key}"),
            Place::Variable(name) => name.to_owned(),
        }
    }
}

pub(super) fn read(
    top: &Section<'_>,
    folder: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    notices: &mut Vec<Notice>,
) -> Option<TelemetryConfig> {
    let table = top.optional_section(TABLE);
    let enabled = table
        .as_ref()
        .and_then(|table| table.has("enabled").then(|| table.boolean("enabled", true)));
    let is_disabled = environment("OTEL_SDK_DISABLED")
        .is_some_and(|text| text.trim().eq_ignore_ascii_case("true"));
    let is_off = enabled == Some(false) || is_disabled;
    // What is off needs no environment that fits. The file is read whole, so that all that is wrong with it is said.
    let nothing = |_: &str| None::<String>;
    let environment: &dyn Fn(&str) -> Option<String> = if is_off { &nothing } else { environment };
    let sources = Sources { top, table, environment };
    let url = url(&sources);
    let sampler = sampler(&sources);
    protocol(&sources, notices);
    let certificate_authority = authority(&sources, folder, &url);
    let headers = headers(&sources, folder);
    let service = sources.said(&["OTEL_SERVICE_NAME"], None).map(|said| said.text);
    let attributes = attributes(&sources);
    let is_wanted = enabled == Some(true) && !is_off;
    if is_wanted && matches!(url, Found::Nothing) {
        let text = "is missing: write the collector's base URL, such as http://localhost:4318";
        sources.problem(Place::Key("endpoint"), text);
    }
    if let Some(table) = sources.table {
        table.finish();
    }
    let (Found::Good(url), false) = (url, is_off) else { return None };
    if url.scheme_str() == Some("http") && !headers.is_empty() {
        notices.push(Notice::new(
            TABLE,
            "sends its headers over plain HTTP: only a mesh that encrypts may stand between",
        ));
    }
    Some(TelemetryConfig {
        url,
        certificate_authority,
        headers,
        sampler: sampler?,
        service,
        attributes,
    })
}

enum Found<T> {
    Nothing,
    /// It has been said what is wrong with it.
    Bad,
    Good(T),
}

fn url(sources: &Sources<'_, '_>) -> Found<Uri> {
    let whole = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    let Some(Said { place, text }) =
        sources.said(&[whole, "OTEL_EXPORTER_OTLP_ENDPOINT"], Some("endpoint"))
    else {
        return Found::Nothing;
    };
    let bad = |message: String| {
        sources.problem(place, message);
        Found::Bad
    };
    let Some(base) = plain_url(&text) else { return bad(BASE_URL.to_owned()) };
    if base.port_u16() == Some(GRPC_PORT) {
        return bad(format!(
            "is the port of gRPC, which is not spoken here: write the one where the collector takes HTTP, such as {}",
            GRPC_PORT + 1
        ));
    }
    let base = text.trim_end_matches('/');
    let ends_with_path = base.ends_with(PATH);
    if place == Place::Variable(whole) {
        return text.parse().map_or_else(|_| bad(BASE_URL.to_owned()), Found::Good);
    }
    if ends_with_path {
        return bad(format!("ends with {PATH}, which is added here: leave it out"));
    }
    format!("{base}{PATH}").parse().map_or_else(|_| bad(BASE_URL.to_owned()), Found::Good)
}

fn plain_url(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let authority = uri.authority()?;
    // `http::Uri` drops a fragment without a word, so the text is looked at as well.
    let is_plain = matches!(uri.scheme_str(), Some("http" | "https"))
        && !authority.host().is_empty()
        && !authority.as_str().contains('@')
        && uri.query().is_none()
        && !text.contains('#');
    is_plain.then_some(uri)
}

fn sampler(sources: &Sources<'_, '_>) -> Option<Sampler> {
    let key = "traces_sampler_arg";
    let variable = "OTEL_TRACES_SAMPLER_ARG";
    let range = "must be a number from 0 to 1";
    let of_key = sources.table.as_ref().and_then(|table| table.word(key, range, None::<f64>));
    let argument = match sources.variable(variable) {
        Some(text) => Some((Place::Variable(variable), text.trim().parse().unwrap_or(f64::NAN))),
        None => of_key.map(|ratio| (Place::Key(key), ratio)),
    };
    let ratio = argument.map_or(1.0, |(_, ratio)| ratio);
    let name = sources.said(&["OTEL_TRACES_SAMPLER"], Some("traces_sampler"));
    // Of a sampler that takes none it says nothing, whatever it is.
    let is_of_a_ratio = name.as_ref().is_some_and(|said| Sampler::takes_a_ratio(said.text.trim()));
    if let Some((place, ratio)) = argument
        && is_of_a_ratio
        && !(0.0..=1.0).contains(&ratio)
    {
        sources.problem(place, range);
        return None;
    }
    let Some(Said { place, text }) = name else { return Some(Sampler::default()) };
    let sampler = Sampler::named(text.trim(), ratio);
    if sampler.is_none() {
        sources.problem(place, format!("must be one of {}", Sampler::NAMES.join(", ")));
    }
    sampler
}

fn protocol(sources: &Sources<'_, '_>, notices: &mut Vec<Notice>) {
    let variables = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
    let Some(Said { place, text }) = sources.said(&variables, Some("protocol")) else { return };
    match text.trim() {
        "http/json" => {}
        "http" | "http/protobuf" => notices.push(Notice::new(
            Sources::path(place),
            "is taken for http/json: spans go to the same port and path, written in JSON",
        )),
        "grpc" => sources.problem(
            place,
            "is grpc, which is not spoken here: write http/json, and as the endpoint the port where the collector takes HTTP, such as 4318",
        ),
        _ => sources.problem(place, "must be http/json or http/protobuf"),
    }
}

fn authority(sources: &Sources<'_, '_>, folder: &Path, url: &Found<Uri>) -> Option<PathBuf> {
    let variables = ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"];
    let said = sources.said(&variables, Some("certificate_authority"));
    let is_tls = matches!(url, Found::Good(url) if url.scheme_str() == Some("https"));
    let place = said.as_ref().map(|said| said.place);
    let file = said.map(|said| folder.join(said.text));
    if (is_tls || file.is_some())
        && let Err(error) = crate::tls::client_config(file.as_deref())
    {
        sources.problem(place.unwrap_or(Place::Key("endpoint")), error.to_string());
    }
    file
}

/// Of the variable (`name=value,…`), or of a file with `name: value` on each line.
fn headers(sources: &Sources<'_, '_>, folder: &Path) -> HeaderMap {
    let key = "headers_file";
    let mut headers = HeaderMap::new();
    let mut put = |name: &str, value: &str| {
        let name = HeaderName::try_from(name.trim()).ok()?;
        let mut value = HeaderValue::from_str(value.trim()).ok()?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Some(())
    };
    let variables = ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];
    let Some(Said { place, text }) = sources.said(&variables, Some(key)) else { return headers };
    if place != Place::Key(key) {
        let good = pairs(&text)
            .is_some_and(|pairs| pairs.iter().all(|(name, value)| put(name, value).is_some()));
        if !good {
            sources.problem(place, "must be headers, such as name=value,other=value");
        }
        return headers;
    }
    let file = folder.join(text);
    let exists = |path: &Path| path.symlink_metadata().is_ok();
    let shown = obolus_core::config::place(&file, exists);
    let bytes = match bounded_file::read(&file, MAX_FILE_BYTES) {
        Ok(bytes) => bytes,
        Err(error) => {
            sources.problem(place, format!("{shown}: cannot be read: {error}"));
            return headers;
        }
    };
    let lines = std::str::from_utf8(&bytes).unwrap_or_default();
    let lines: Vec<_> = lines.lines().filter(|line| !line.trim().is_empty()).collect();
    let good = lines
        .iter()
        .all(|line| line.split_once(':').is_some_and(|(name, value)| put(name, value).is_some()));
    if lines.is_empty() || !good {
        let text = format!("{shown}: must have a header on each line, such as name: value");
        sources.problem(place, text);
    }
    headers
}

fn attributes(sources: &Sources<'_, '_>) -> Vec<(String, String)> {
    let Some(Said { place, text }) = sources.said(&["OTEL_RESOURCE_ATTRIBUTES"], None) else {
        return Vec::new();
    };
    pairs(&text).unwrap_or_else(|| {
        sources.problem(place, "must be attributes, such as name=value,other=value");
        Vec::new()
    })
}

/// As W3C Baggage writes them, which OpenTelemetry's variables go by: `name=value,…`, percent-encoded.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=')?;
            Some((decoded(name.trim())?, decoded(value.trim())?))
        })
        .collect()
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use obolus_core::config::{Problems, Section};
    use serde_json::{Value, json};

    use super::*;

    type Read = Result<(Option<TelemetryConfig>, Vec<Notice>), Problems>;

    fn read_of(table: Value, environment: &[(&str, &str)]) -> Read {
        read_in(Path::new("/etc/obolus"), table, environment)
    }

    fn read_in(folder: &Path, table: Value, environment: &[(&str, &str)]) -> Read {
        let value = if table.is_null() { json!({}) } else { json!({"telemetry": table}) };
        let top = Section::top(&value)?;
        let mut notices = Vec::new();
        let of = |name: &str| {
            let found = environment.iter().find(|(other, _)| *other == name);
            found.map(|(_, text)| (*text).to_owned())
        };
        let config = read(&top, folder, &of, &mut notices);
        top.conclude(Some((config, notices)))
    }

    fn of(table: Value, environment: &[(&str, &str)]) -> Option<TelemetryConfig> {
        read_of(table, environment).unwrap().0
    }

    const COLLECTOR: &str = "http://localhost:4318";

    #[test]
    fn nobody_is_told_unless_it_says_to_whom_and_nobody_where_it_is_off() {
        let variable = [("OTEL_EXPORTER_OTLP_ENDPOINT", COLLECTOR)];
        assert_eq!(of(Value::Null, &[]), None);
        assert_eq!(of(json!({}), &[]), None);
        let url = "http://localhost:4318/v1/traces";
        for on in [
            of(json!({"endpoint": COLLECTOR}), &[]),
            of(json!({"endpoint": COLLECTOR, "enabled": true}), &[]),
            of(Value::Null, &variable),
            of(json!({"endpoint": "http://other"}), &variable),
            of(Value::Null, &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url)]),
        ] {
            let on = on.unwrap();
            assert_eq!((on.url.to_string().as_str(), on.sampler), (url, Sampler::default()));
        }
        let off = json!({"endpoint": COLLECTOR, "enabled": false});
        assert_eq!((of(off.clone(), &[]), of(off, &variable)), (None, None));
        // An environment that is somebody else's does not keep us from starting.
        let others = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://other:4317"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ];
        assert_eq!(of(json!({"enabled": false}), &others), None);
        let told = read_of(Value::Null, &others).unwrap_err().to_string();
        for (name, _) in others {
            assert!(told.contains(name), "{told}");
        }
        let disabled = [variable[0], ("OTEL_SDK_DISABLED", "true")];
        assert_eq!(of(json!({"endpoint": COLLECTOR, "enabled": true}), &disabled), None);
        let told = read_of(json!({"enabled": true}), &[]).unwrap_err().to_string();
        assert!(told.contains("telemetry.endpoint: is missing"), "{told}");
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let table = json!({
            "endpoint": COLLECTOR, "traces_sampler": "traceidratio", "traces_sampler_arg": 0.25,
        });
        let quarter = Sampler::named("traceidratio", 0.25).unwrap();
        assert_eq!(of(table.clone(), &[]).unwrap().sampler, quarter);
        let half = of(table.clone(), &[("OTEL_TRACES_SAMPLER_ARG", "0.5")]).unwrap();
        assert_eq!(half.sampler, Sampler::named("traceidratio", 0.5).unwrap());
        let environment = [
            ("OTEL_TRACES_SAMPLER", "parentbased_always_off"),
            ("OTEL_SERVICE_NAME", "shop-tools"),
            ("OTEL_RESOURCE_ATTRIBUTES", "team=shop, place=a%20b"),
        ];
        let other = of(table, &environment).unwrap();
        assert_eq!(other.sampler, Sampler::named("parentbased_always_off", 1.0).unwrap());
        assert_eq!(other.service.as_deref(), Some("shop-tools"));
        let said = [("team", "shop"), ("place", "a b")];
        assert_eq!(other.attributes, said.map(|(key, text)| (key.to_owned(), text.to_owned())));
    }

    #[test]
    fn headers_come_from_a_file_or_the_environment_and_are_printed_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text: &str| std::fs::write(folder.path().join("headers"), text).unwrap();
        let table = || json!({"endpoint": COLLECTOR, "headers_file": "headers"});
        write("Authorization: Bearer Qx7SECRET\n\nx-team: shop\n");
        let (of_file, notices) = read_in(folder.path(), table(), &[]).unwrap();
        let of_file = of_file.unwrap();
        assert_eq!(of_file.headers["authorization"], "Bearer Qx7SECRET");
        assert_eq!(of_file.headers["x-team"], "shop");
        assert!(notices.iter().any(|notice| notice.text.contains("plain HTTP")), "{notices:?}");
        let variable = [("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20Qx7SECRET")];
        let of_variable = of(json!({"endpoint": COLLECTOR}), &variable).unwrap();
        assert_eq!(of_variable.headers["authorization"], "Bearer Qx7SECRET");
        for config in [of_file, of_variable] {
            let printed = format!("{config:?} {:?}", config.headers);
            assert!(!printed.contains("Qx7SECRET"), "{printed}");
        }
        for bad in ["", "Qx7SECRET", "a b: Qx7SECRET", "a: Qx7SECRET\u{7}"] {
            write(bad);
            let told = read_in(folder.path(), table(), &[]).unwrap_err().to_string();
            assert!(told.contains("telemetry.headers_file: ") && !told.contains("Qx7"), "{told}");
        }
        for bad in ["Qx7SECRET", "a b=Qx7SECRET", "a=Qx7SECRET%zz"] {
            let variable = [("OTEL_EXPORTER_OTLP_HEADERS", bad)];
            let told = read_of(json!({"endpoint": COLLECTOR}), &variable).unwrap_err().to_string();
            let named = told.contains("OTEL_EXPORTER_OTLP_HEADERS: ");
            assert!(named && !told.contains("Qx7"), "{told}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once_with_what_to_write() {
        let table = json!({
            "endpoint": "localhost:4318", "protocol": "grpc", "traces_sampler": "sometimes",
            "certificate_authority": "nothing-there.pem", "headers_file": "nothing-there",
            "insecure": true,
        });
        let told = read_of(table, &[]).unwrap_err().to_string();
        for sentence in [
            "telemetry.endpoint: must be the collector's base URL",
            "telemetry.protocol: is grpc, which is not spoken here: write http/json",
            "telemetry.traces_sampler: must be one of always_on, ",
            "telemetry.certificate_authority: ",
            "telemetry.headers_file: ",
            "telemetry.insecure: ",
        ] {
            assert!(told.contains(sentence), "{sentence} is not in {told}");
        }
        for (endpoint, word) in [
            ("https://user:Qx7@localhost", "without user information"),
            ("http://localhost/?Qx7", "without user information"),
            ("http://localhost/#Qx7", "without user information"),
            ("ftp://localhost", "base URL"),
            ("http://localhost:4317", "write the one where the collector takes HTTP"),
            ("http://localhost:4318/v1/traces", "ends with /v1/traces"),
        ] {
            let told = read_of(json!({"endpoint": endpoint}), &[]).unwrap_err().to_string();
            let named = told.contains("telemetry.endpoint: ") && told.contains(word);
            assert!(named && !told.contains("Qx7"), "{endpoint}: {told}");
            let variable = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)];
            let told = read_of(Value::Null, &variable).unwrap_err().to_string();
            assert!(told.contains("OTEL_EXPORTER_OTLP_ENDPOINT: "), "{endpoint}: {told}");
        }
        for (ratio, path) in [
            (json!(1.5), "telemetry.traces_sampler_arg"),
            (json!("x"), "telemetry.traces_sampler_arg"),
        ] {
            let table = json!({
                "endpoint": COLLECTOR, "traces_sampler": "traceidratio", "traces_sampler_arg": ratio,
            });
            let told = read_of(table, &[]).unwrap_err().to_string();
            assert!(told.contains(path), "{told}");
        }
        let environment =
            [("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "x")];
        let told = read_of(Value::Null, &environment).unwrap_err().to_string();
        assert!(told.contains("OTEL_TRACES_SAMPLER_ARG: must be a number"), "{told}");
    }

    #[test]
    fn their_protocol_is_taken_for_ours_and_that_is_said() {
        let table = json!({"endpoint": COLLECTOR, "protocol": "http/protobuf"});
        let (config, notices) = read_of(table, &[]).unwrap();
        assert!(config.is_some() && notices[0].path == "telemetry.protocol", "{notices:?}");
        let table = json!({"endpoint": COLLECTOR, "protocol": "http/json"});
        assert!(read_of(table, &[]).unwrap().1.is_empty());
    }
}
